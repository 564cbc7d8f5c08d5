package report

import (
	"bytes"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"twomsl/internal/record"
)

var gateFormats = map[string]renderer[*record.Gate]{"json": writeGateJSON}

// registerGate adds a format that tells a sound gate.
func registerGate(name string, r renderer[*record.Gate]) {
	gateFormats[name] = func(b *bytes.Buffer, g *record.Gate, opt Options) error { return r(b, sound(g), opt) }
}

// GateFormats lists the names that WriteGate takes, sorted. Those that are several files are PictureKinds.
func GateFormats() []string { return slices.Sorted(maps.Keys(gateFormats)) }

// WriteGate tells g as Write tells a trial.
func WriteGate(format string, w io.Writer, g *record.Gate, opt Options) error {
	return write(gateFormats, " for a gate", format, w, g, g.ID, opt)
}

// writeGateJSON writes the record as it is: what JSON cannot hold is an error.
func writeGateJSON(b *bytes.Buffer, g *record.Gate, _ Options) error {
	data, err := record.EncodeGate(g)
	if err != nil {
		return err
	}
	b.Write(data)
	return nil
}

// enormous is beyond every quantity, and leaves room to reckon with.
const enormous = 1e100

// sound is a copy of g whose figures are finite: what is not is left out. A gate is told to machines, and they must not
// come upon a NaN.
func sound(g *record.Gate) *record.Gate {
	out := *g
	settle(reflect.ValueOf(&out).Elem())
	return &out
}

// settle makes a value's figures finite, in copies of all that it points to.
func settle(v reflect.Value) {
	switch v.Kind() {
	case reflect.Float64:
		v.SetFloat(settled(v.Float()))
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if v.Elem().Kind() == reflect.Float64 && math.IsNaN(v.Elem().Float()) {
			v.SetZero()
			return
		}
		own := reflect.New(v.Type().Elem())
		own.Elem().Set(v.Elem())
		settle(own.Elem())
		v.Set(own)
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		own := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			if one := v.Index(i); one.Kind() != reflect.Float64 || !math.IsNaN(one.Float()) {
				own = reflect.Append(own, one)
				settle(own.Index(own.Len() - 1))
			}
		}
		v.Set(own)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				settle(v.Field(i))
			}
		}
	}
}

func settled(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return max(-enormous, min(v, enormous))
}

// ExplainGate puts the reasons into words that the record has none for: of each budget, and of the gate.
func ExplainGate(g *record.Gate) {
	for i := range g.Budgets {
		if b := &g.Budgets[i]; b.Why == "" {
			b.Why = plainSpaces(budgetClause(b))
		}
	}
	if g.Why == "" {
		g.Why = plainSpaces(ownReason(g))
	}
}

// plainSpaces is a text as a record has it: how it is set is for a format to say.
func plainSpaces(s string) string { return strings.ReplaceAll(s, nbsp, " ") }
