package scenario

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// With gives a new scenario with overrides applied in turn, each FIELD=VALUE as --set takes it: close.side=client,
// load.stop.time_wait.count=500, load.stop.time_wait=off, sysctl.client.net.ipv4.tcp_tw_reuse=1. The receiver stays as
// it is. The error is a Problems with every override that cannot be applied; the scenario is then s, unchanged.
func (s Scenario) With(overrides []string) (Scenario, error) {
	next := s.clone()
	var problems Problems
	for _, o := range overrides {
		path, value, ok := strings.Cut(o, "=")
		path = strings.TrimSpace(path)
		if !ok || path == "" {
			problems.add("--set "+o, "write it as FIELD=VALUE, like close.side=client")
			continue
		}
		if err := set("", path, reflect.ValueOf(&next).Elem(), value); err != nil {
			problems.add("--set "+path, "%v", err)
		}
	}
	if len(problems) > 0 {
		return s, problems
	}
	return next, nil
}

// set walks from v, which stands at path, along rest and reads value into what it finds there.
func set(path, rest string, v reflect.Value, value string) error {
	switch shapeOf(v.Type()) {
	case group:
		return setGroup(path, rest, v, value)
	case optional:
		return setOptional(path, rest, v, value)
	case table:
		return setTable(path, rest, v, value)
	}
	if rest != "" {
		return fmt.Errorf("%s is one value and has no fields", path)
	}
	return assign(path, v, value)
}

func setGroup(path, rest string, v reflect.Value, value string) error {
	if rest == "" {
		names := fieldNames(v.Type())
		return fmt.Errorf("%s is a group: set one of its fields: %s", path, strings.Join(names, ", "))
	}
	name, rest, _ := strings.Cut(rest, ".")
	field, ok := fieldOf(v, name)
	if !ok {
		return fmt.Errorf("%s", unknownField(path, name, v.Type()))
	}
	return set(join(path, name), rest, field, value)
}

// setOptional makes the group only once the value could be read, so that a mistake leaves no half of it behind.
func setOptional(path, rest string, v reflect.Value, value string) error {
	if rest == "" && strings.TrimSpace(value) == "off" {
		v.SetZero()
		return nil
	}
	if rest == "" {
		names := fieldNames(v.Type().Elem())
		return fmt.Errorf("write off, or set one of its fields: %s.{%s}", path, strings.Join(names, ","))
	}
	made := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		made.Elem().Set(v.Elem())
	}
	if err := setGroup(path, rest, made.Elem(), value); err != nil {
		return err
	}
	v.Set(made)
	return nil
}

// setTable takes everything after the table's name as the key: a sysctl's name has dots of its own.
func setTable(path, key string, v reflect.Value, value string) error {
	if key == "" {
		return fmt.Errorf("name the setting too: %s.net.ipv4.tcp_tw_reuse=1", path)
	}
	var text string
	if err := assign(path, reflect.ValueOf(&text).Elem(), value); err != nil {
		return err
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(text))
	return nil
}

// sortedKeys keeps the order of problems the same from run to run.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
