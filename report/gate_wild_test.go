package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"

	"twomsl/internal/record"
)

// wild fills a value with anything that its type can hold, and now and then with what is usual.
func wild(r *rand.Rand, v reflect.Value) {
	pick := func(n int) bool { return r.IntN(n) == 0 }
	switch v.Kind() {
	case reflect.Float64:
		v.SetFloat([]float64{0, 0.05, 1, -1, 12.5, 30878, 1e-12, 1e15, -1e18, 1e300, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(14)])
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, 6, 12, 130, -1, math.MaxInt64, math.MinInt64}[r.IntN(8)])
	case reflect.Bool:
		v.SetBool(pick(2))
	case reflect.String:
		words := []string{
			"", "pass", "regression", "inconclusive", "holds", "broken", "unclear", "complete", "failed", "invalid", "drop", "rise", "<=", "1/s", "us", "share",
			"connects_per_second", "churn", "lower", "never", "a b", "x\x00\x1b[31m\u202e", "|`<b>\n::error::", "\xff\xfe", "長い名前", "]]>", `\"`, "#",
		}
		v.SetString(words[r.IntN(len(words))])
	case reflect.Pointer:
		if !pick(3) {
			v.Set(reflect.New(v.Type().Elem()))
			wild(r, v.Elem())
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte([]string{"null", `{"a":1}`, "{"}[r.IntN(3)]))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			wild(r, v.Index(i))
		}
	case reflect.Map: // nothing of a gate's own
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf([]time.Time{{}, gateStart, time.Unix(1<<40, 0)}[r.IntN(3)]))
			return
		}
		for i := range v.NumField() {
			wild(r, v.Field(i))
		}
	}
}

// Any record can be told: no format panics, has a NaN, or writes what its readers cannot read.
func TestWildGates(t *testing.T) {
	bad := regexp.MustCompile(`(?i)\bNaN\b|[+-]?\bInf\b`)
	for seed := range uint64(400) {
		g := new(record.Gate)
		wild(rand.New(rand.NewPCG(seed, 7)), reflect.ValueOf(g).Elem())
		for _, f := range slices.DeleteFunc(GateFormats(), func(f string) bool { return f == "json" || f == "html" && seed%20 != 0 }) {
			var b bytes.Buffer
			if err := WriteGate(f, &b, g, Options{Width: 80}); err != nil {
				t.Fatalf("%d as %s: %v", seed, f, err)
			}
			if found := bad.FindString(b.String()); found != "" {
				t.Errorf("%d as %s has %q", seed, f, found)
			}
			switch f {
			case "terminal":
				fits(t, fmt.Sprint(seed), b.String(), 80)
			case "junit":
				readJUnit(t, b.String())
			case "prometheus":
				readPrometheus(t, b.String())
			case "benchfmt":
				reader := benchfmt.NewReader(&b, "wild")
				for reader.Scan() {
					if e, ok := reader.Result().(*benchfmt.SyntaxError); ok {
						t.Errorf("%d: %v", seed, e)
					}
				}
			case "html":
				standsAlone(t, fmt.Sprint(seed), b.String())
			}
		}
	}
}
