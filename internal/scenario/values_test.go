package scenario

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// value is what every value type is, as a pointer.
type value interface {
	encoding.TextUnmarshaler
	encoding.TextMarshaler
}

func newValues() []value {
	return []value{new(Rate), new(Duration), new(Size), new(PortRange), new(Linger)}
}

func TestValuesRead(t *testing.T) {
	tests := []struct {
		text string
		into value
		want any
	}{
		{"300/s", new(Rate), Rate(300)},
		{"2.5/s", new(Rate), Rate(2.5)},
		{" 90 / m ", new(Rate), Rate(1.5)},
		{"max", new(Rate), Max},
		{"", new(Rate), Rate(0)},
		{"1m30s", new(Duration), Duration(90 * time.Second)},
		{"64B", new(Size), Size(64)},
		{"4KiB", new(Size), Size(4096)},
		{"1MiB", new(Size), Size(1 << 20)},
		{"8589934591GiB", new(Size), Size(8589934591 << 30)},
		{"32768-60999", new(PortRange), PortRange{32768, 60999}},
		{"1-65535", new(PortRange), PortRange{1, 65535}},
		{"5-5", new(PortRange), PortRange{5, 5}},
		{"off", new(PortRange), PortRange{}},
		{"off", new(Linger), Linger{}},
		{"0", new(Linger), Linger{On: true}},
		{"5s", new(Linger), Linger{On: true, Seconds: 5}},
		{"3600", new(Linger), Linger{On: true, Seconds: 3600}},
	}
	for _, tt := range tests {
		if err := tt.into.UnmarshalText([]byte(tt.text)); err != nil {
			t.Errorf("%T %q: %v", tt.into, tt.text, err)
		} else if got := reflect.ValueOf(tt.into).Elem().Interface(); got != tt.want {
			t.Errorf("%T %q is %v, want %v", tt.into, tt.text, got, tt.want)
		}
	}
}

func TestValuesRefuse(t *testing.T) {
	for text, into := range map[string]value{
		"300": new(Rate), "300/h": new(Rate), "0/s": new(Rate), "-1/s": new(Rate), "nan/s": new(Rate), "inf/s": new(Rate),
		"1e-323/m": new(Rate), "fast": new(Rate), "10": new(Duration), "10 seconds": new(Duration),
		"64": new(Size), "64kb": new(Size), "-1B": new(Size), "9223372036854775807KiB": new(Size),
		"1024": new(PortRange), "0-1024": new(PortRange), "2-1": new(PortRange), "1-65536": new(PortRange),
		"x-5": new(PortRange), "-5": new(PortRange), "5-x": new(PortRange), "8589934592GiB": new(Size),
		"on": new(Linger), "-1": new(Linger), "3601": new(Linger),
	} {
		if err := into.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%T took %q as %v", into, text, reflect.ValueOf(into).Elem())
		}
	}
}

func TestValuesPrint(t *testing.T) {
	for want, v := range map[string]fmt.Stringer{
		"300/s": Rate(300), "1.5/s": Rate(1.5), "333.333/s": Rate(333.333), "100/m": Rate(100.0 / 60), "max": Max,
		"":      Rate(0),
		"1m30s": Duration(90 * time.Second), "64B": Size(64), "4KiB": Size(4096), "1025B": Size(1025), "0B": Size(0),
		"off": PortRange{}, "1024-2048": PortRange{1024, 2048}, "0": Linger{On: true}, "7": Linger{On: true, Seconds: 7},
	} {
		if got := v.String(); got != want {
			t.Errorf("%T prints %q, want %q", v, got, want)
		}
	}
}

func TestPortRangeSize(t *testing.T) {
	if n := (PortRange{32768, 60999}).Size(); n != 28232 {
		t.Errorf("the default range has %d ports", n)
	}
	if n := (PortRange{}).Size(); n != 0 {
		t.Errorf("no range has %d ports", n)
	}
}

// A record holds the scenario as JSON, and what is read back must be the same scenario.
func TestJSONComesBack(t *testing.T) {
	unsaid := Scenario{}
	full := Scenario{Name: "x", Load: Load{Rate: Rate(100.0 / 60), Stop: Stop{TimeWait: &TimeWaitGoal{ClientSide, 5}}}}
	full.Sysctl.Both = map[string]string{"net.ipv4.tcp_tw_reuse": "1"}
	full.Close.Linger, full.Client.LocalPortRange = Linger{On: true}, PortRange{1024, 2048}
	for _, want := range []Scenario{unsaid, full, unsaid.Resolve(), full.Resolve()} {
		data, err := want.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var got Scenario
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// Whatever a value type reads, it prints in a spelling that it reads as the same value.
func FuzzValues(f *testing.F) {
	for _, s := range []string{
		"300/s", "90/m", "100/m", "max", "1e-323/m", "", "1m30s", "-5ns", "64B", "9EiB",
		"8191GiB", "off", "1-65535", "0", "5s",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range newValues() {
			if v.UnmarshalText([]byte(text)) != nil {
				continue
			}
			printed, err := v.MarshalText()
			if err != nil {
				t.Fatalf("%T %q: %v", v, text, err)
			}
			again := reflect.New(reflect.TypeOf(v).Elem()).Interface().(value)
			if err := again.UnmarshalText(printed); err != nil {
				t.Fatalf("%T printed %q for %q: %v", v, printed, text, err)
			}
			if !reflect.DeepEqual(v, again) {
				t.Fatalf("%T %q came back from %q as %v", v, text, printed, reflect.ValueOf(again).Elem())
			}
		}
	})
}
