package record

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Measured tells whether a field of the environment, under its JSON name, holds what the machine showed. A number or a
// text of one that was not measured is Go's zero value here and null in JSON.
func (e Environment) Measured(field string) bool {
	_, gap := e.Unmeasured[field]
	return !gap
}

// MarshalJSON writes null for each field that Unmeasured names and nobody has filled since, also for numbers and texts,
// whose zero would read as a measurement. Null reads back as the zero value.
func (e Environment) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		text := []byte("null")
		if e.Measured(name) || !v.Field(i).IsZero() {
			var err error
			if text, err = json.Marshal(v.Field(i).Interface()); err != nil {
				return nil, err
			}
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(`"` + name + `":`)
		out.Write(text)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
