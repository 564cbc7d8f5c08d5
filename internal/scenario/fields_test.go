package scenario

import (
	"reflect"
	"strings"
	"testing"
)

type reflectValue = reflect.Value

func reflectOf(s Scenario) reflect.Value { return reflect.ValueOf(s) }

// A record's JSON, a file's YAML and --set name a field alike, and no field is left without a name.
func TestNamesAreTheSameEverywhere(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if shapeOf(typ) != group {
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			yaml := f.Tag.Get("yaml")
			if yaml == "" || yaml != f.Tag.Get("json") || strings.ContainsAny(yaml, ".,= ") {
				t.Errorf("%s.%s is %q in YAML, %q in JSON", typ, f.Name, yaml, f.Tag.Get("json"))
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Scenario]())
}

func TestNear(t *testing.T) {
	names := []string{"side", "linger", "concurrency", "time_wait", "local_port_range"}
	for word, want := range map[string]string{
		"sid": "side", "sdie": "side", "Side": "side", "lingr": "linger", "conc": "concurrency", "timewait": "time_wait",
		"time-wait": "time_wait", "port_range": "", "x": "", "": "", "whatever": "", strings.Repeat("side", 99): "",
	} {
		if got, _ := near(word, names); got != want {
			t.Errorf("near %q is %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance of %q and %q is %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
