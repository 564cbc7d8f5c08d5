package scenario

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A scenario file and --set read the same fields by the same rules: the struct's yaml tags are the only list of names.

// shape is what a field looks like from outside.
type shape int

const (
	leaf     shape = iota // one value, written as text
	group                 // fields of its own
	optional              // a pointer to a group; off removes it
	table                 // free keys, each with a text
)

func shapeOf(t reflect.Type) shape {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return leaf
	case t.Kind() == reflect.Struct:
		return group
	case t.Kind() == reflect.Pointer:
		return optional
	case t.Kind() == reflect.Map:
		return table
	}
	return leaf
}

// fieldNames lists the yaml names of a group, in the order of the struct.
func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("yaml")
	}
	return names
}

// fieldOf finds a field of the group v by its yaml name.
func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// join appends a name to a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// leaves calls f for every leaf and table below v. An absent optional group is walked as if it were there.
func leaves(path string, v reflect.Value, f func(path string, v reflect.Value)) {
	switch shapeOf(v.Type()) {
	case group:
		for i, name := range fieldNames(v.Type()) {
			leaves(join(path, name), v.Field(i), f)
		}
	case optional:
		if v.IsNil() {
			v = reflect.New(v.Type().Elem())
		}
		leaves(path, v.Elem(), f)
	default:
		f(path, v)
	}
}

// paths has every leaf and table of a scenario; defaults has those that Resolve fills in, as text.
var paths, defaults = func() (paths []string, defaults map[string]string) {
	defaults = map[string]string{}
	leaves("", reflect.ValueOf(Scenario{Relay: &Relay{}}.Resolve()), func(path string, v reflect.Value) {
		paths = append(paths, path)
		if !v.IsZero() {
			defaults[path] = fmt.Sprint(v.Interface())
		}
	})
	return paths, defaults
}()

// assign reads text into the leaf v. The zero value means "not said", so a zero that the default would replace in
// silence is refused.
func assign(path string, v reflect.Value, text string) error {
	if _, keeps := v.Addr().Interface().(interface{ keepsSpace() }); !keeps {
		text = strings.TrimSpace(text)
	}
	switch {
	case !utf8.ValidString(text):
		return fmt.Errorf("%q is not UTF-8 text", text)
	case text == "":
		return fmt.Errorf("has no value: write one or leave it out%s", defaultOf(path))
	}
	if err := read(v, text); err != nil {
		return err
	}
	if v.IsZero() && defaults[path] != "" {
		return fmt.Errorf("%s is not possible: leave it out%s", text, defaultOf(path))
	}
	return nil
}

func defaultOf(path string) string {
	if d := defaults[path]; d != "" {
		return " for the default, " + d
	}
	return ""
}

func read(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		v.SetInt(n)
	default:
		// A new kind of field needs its reader here; TestParseEveryField finds it missing before a user does.
		return fmt.Errorf("a %s cannot be written here", v.Type())
	}
	return nil
}

// unknownField says that the group at path has no such field, which one was meant, and which there are. A field that
// exists in another group is named with its whole path.
func unknownField(path, name string, t reflect.Type) string {
	names := fieldNames(t)
	where := "here"
	if path != "" {
		where = "in " + path
	}
	guess, ok := near(name, names)
	if ok {
		guess = join(path, guess)
	} else {
		guess, ok = elsewhere(name)
	}
	if ok {
		return fmt.Sprintf("no such field; did you mean %s? Allowed %s: %s", guess, where, strings.Join(names, ", "))
	}
	return fmt.Sprintf("no such field; allowed %s: %s", where, strings.Join(names, ", "))
}

// elsewhere finds the path of a field or group whose last name was meant.
func elsewhere(name string) (string, bool) {
	byLast, lasts := map[string]string{}, []string(nil)
	for _, p := range paths {
		parts := strings.Split(p, ".")
		for i, last := range parts {
			if byLast[last] == "" {
				byLast[last] = strings.Join(parts[:i+1], ".")
				lasts = append(lasts, last)
			}
		}
	}
	last, ok := near(name, lasts)
	return byLast[last], ok
}
