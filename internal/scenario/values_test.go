package scenario

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
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
	return []value{
		new(Rate), new(Duration), new(Size), new(PortRange), new(Linger), new(Switch), new(Bandwidth), new(Bind),
		new(KeepAlive), new(Heartbeat), new(Percent), new(Text), new(Until),
	}
}

func TestValuesRead(t *testing.T) {
	tests := []struct {
		text string
		into value
		want any
	}{
		{"1%", new(Percent), Percent(1)},
		{" 0.5 % ", new(Percent), Percent(0.5)},
		{"2", new(Percent), Percent(2)},
		{"0", new(Percent), None},
		{"0%", new(Percent), None},
		{"off", new(Percent), None},
		{"", new(Percent), Percent(0)},
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
		{"on", new(Switch), On},
		{" off ", new(Switch), Off},
		{"", new(Switch), Switch("")},
		{"off", new(Bandwidth), Bandwidth(0)},
		{"1bit", new(Bandwidth), Bandwidth(1)},
		{"64kbit", new(Bandwidth), Bandwidth(64_000)},
		{" 20 Mbit ", new(Bandwidth), Bandwidth(20_000_000)},
		{"1Gbit", new(Bandwidth), Bandwidth(1_000_000_000)},
		{"9223372036Gbit", new(Bandwidth), Bandwidth(9_223_372_036_000_000_000)},
		{"auto", new(Bind), Bind{Mode: BindAuto}},
		{" address ", new(Bind), Bind{Mode: BindAddress}},
		{"40000-40999", new(Bind), Bind{BindPorts, PortRange{40000, 40999}}},
		{" 40000 ", new(Bind), Bind{BindPorts, PortRange{40000, 40000}}},
		{"", new(Bind), Bind{}},
		{"off", new(KeepAlive), KeepAlive{}},
		{"off", new(Heartbeat), Heartbeat{}},
		{"1s", new(Heartbeat), Heartbeat{second, 3 * second}},
		{" 100ms / 1h ", new(Heartbeat), Heartbeat{second / 10, 3600 * second}},
		{"1m/100ms", new(Heartbeat), Heartbeat{60 * second, second / 10}},
		{"60s", new(KeepAlive), KeepAlive{Idle: 60 * second}},
		{"1s/5s", new(KeepAlive), KeepAlive{Idle: second, Interval: 5 * second}},
		{" 1m / 5s / 127 ", new(KeepAlive), KeepAlive{60 * second, 5 * second, 127}},
		{"1m0s/5s/3", new(KeepAlive), KeepAlive{60 * second, 5 * second, 3}},
		{`GET / HTTP/1.0\r\n\r\n`, new(Text), Text("GET / HTTP/1.0\r\n\r\n")},
		{"as it stands\r\n ", new(Text), Text("as it stands\r\n ")},
		{`\x00\xff\0\101\u00e9\t\\"\"`, new(Text), Text("\x00\xff\x00A\u00e9\t\\\"\"")},
		{"", new(Until), Until{}},
		{"eof", new(Until), Until{EOF: true}},
		{"bytes=120", new(Until), Until{Bytes: 120}},
		{"bytes=4KiB", new(Until), Until{Bytes: 4096}},
		{`match=</html>\n`, new(Until), Until{Match: "</html>\n"}},
		{"match=a=b ", new(Until), Until{Match: "a=b "}},
		{"32767s/32767s/1", new(KeepAlive), KeepAlive{32767 * second, 32767 * second, 1}},
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
	for _, tt := range []struct {
		into  func() value
		texts []string
	}{
		{func() value { return new(Rate) }, []string{
			"300", "300/h", "0/s", "-1/s", "nan/s", "inf/s", "1e-323/m", "fast",
		}},
		{func() value { return new(Text) }, []string{`\`, `\q`, `\x1`, `a\`, `\400`}},
		{func() value { return new(Until) }, []string{"eof=1", "bytes=0", "bytes=-1", "bytes=", "bytes=much", "match=", `match=\q`, "end", "=", "EOF"}},
		{func() value { return new(Percent) }, []string{"-1%", "nan", "inf%", "1e999", "little", "1%%", "%"}},
		{func() value { return new(Duration) }, []string{"10", "10 seconds", ""}},
		{func() value { return new(Size) }, []string{
			"64", "64kb", "-1B", "9223372036854775807KiB", "8589934592GiB", "",
		}},
		{func() value { return new(PortRange) }, []string{"1024", "0-1024", "2-1", "1-65536", "x-5", "-5", "5-x", ""}},
		{func() value { return new(Linger) }, []string{"on", "-1", "3601", ""}},
		{func() value { return new(Switch) }, []string{"yes", "true", "1", "0", "ON", "of"}},
		{func() value { return new(Bandwidth) }, []string{
			"", "on", "0", "20", "0bit", "0Mbit", "-1Mbit", "1.5Mbit", "20MB", "20mbit", "9223372037Gbit", "bit", "20Xbit",
		}},
		{func() value { return new(Bind) }, []string{
			"off", "ports", "Auto", "any", "0", "-5", "65536", "0-5", "6-5", "40000-", "40000-70000", "10.0.0.1",
		}},
		{func() value { return new(KeepAlive) }, []string{
			"", "on", "60", "0s", "-1s", "500ms", "1500ms", "32768s", "60s/", "60s/0s", "60s/32768s", "60s/5", "60s//3",
			"/5s/3", "60s/5s/", "60s/5s/0", "60s/5s/128", "60s/5s/3s", "60s/5s/3/1",
		}},
		{func() value { return new(Heartbeat) }, []string{
			"", "on", "1", "0s", "-1s", "99ms", "61s", "2562047h", "1s/", "1s/0s", "1s/99ms", "1s/61m", "/3s", "1s/3s/1", "1s/3",
		}},
	} {
		for _, text := range tt.texts {
			into := tt.into()
			if err := into.UnmarshalText([]byte(text)); err == nil {
				t.Errorf("%T took %q as %v", into, text, reflect.ValueOf(into).Elem())
			} else if !strings.Contains(err.Error(), "write ") || !strings.Contains(err.Error(), strconv.Quote(text)) {
				t.Errorf("%T does not say what to write instead of %q: %v", into, text, err)
			}
			if !reflect.ValueOf(into).Elem().IsZero() {
				t.Errorf("%T refused %q and kept %v of it", into, text, reflect.ValueOf(into).Elem())
			}
		}
	}
}

// Every kind of value comes back from what it prints.
func TestValuesComeBack(t *testing.T) {
	for _, v := range []value{
		ref(Rate(0)), ref(Max), ref(Rate(300)), ref(Rate(100.0 / 60)), ref(90 * second), ref(Size(0)), ref(Size(1025)),
		ref(PortRange{}), ref(PortRange{1024, 2048}), ref(Linger{}), ref(Linger{On: true}), ref(Linger{true, 7}),
		ref(Switch("")), ref(On), ref(Off),
		ref(Bandwidth(0)), ref(Bandwidth(1)), ref(Bandwidth(64_001)), ref(Bandwidth(1_500_000)), ref(Bandwidth(1e9)),
		ref(Bind{}), ref(Bind{Mode: BindAuto}), ref(Bind{Mode: BindAddress}), ref(Bind{BindPorts, PortRange{5, 5}}),
		ref(Bind{BindPorts, PortRange{40000, 40999}}),
		ref(KeepAlive{}), ref(KeepAlive{Idle: 60 * second}), ref(KeepAlive{Idle: 90 * second, Interval: 5 * second}),
		ref(KeepAlive{60 * second, 5 * second, 3}),
		ref(Heartbeat{}), ref(Heartbeat{second, 3 * second}), ref(Heartbeat{60 * second, second / 10}),
	} {
		text, err := v.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		again := reflect.New(reflect.TypeOf(v).Elem()).Interface().(value)
		if err := again.UnmarshalText(text); err != nil || !reflect.DeepEqual(v, again) {
			t.Errorf("%T %v came back from %q as %v: %v", v, reflect.ValueOf(v).Elem(), text,
				reflect.ValueOf(again).Elem(), err)
		}
	}
}

func ref[T any](v T) *T { return &v }

func TestHowSplits(t *testing.T) {
	for how, want := range map[How][2]string{
		"": {}, "fin": {"fin", ""}, "linger=0": {"linger", "0"}, "linger=": {"linger", ""}, "a=b=c": {"a", "b=c"},
	} {
		if name, argument := how.Split(); [2]string{name, argument} != want {
			t.Errorf("%q is %q and %q, want %q", how, name, argument, want)
		}
	}
}

func TestValuesPrint(t *testing.T) {
	for want, v := range map[string]fmt.Stringer{
		"300/s": Rate(300), "1.5/s": Rate(1.5), "333.333/s": Rate(333.333), "100/m": Rate(100.0 / 60), "max": Max,
		"":      Rate(0),
		"1m30s": Duration(90 * time.Second), "64B": Size(64), "4KiB": Size(4096), "1025B": Size(1025), "0B": Size(0),
		"off": PortRange{}, "1024-2048": PortRange{1024, 2048}, "0": Linger{On: true}, "7": Linger{On: true, Seconds: 7},
		"on": On, "64kbit": Bandwidth(64_000), "20Mbit": Bandwidth(20_000_000), "1500Mbit": Bandwidth(1_500_000_000),
		"2Gbit": Bandwidth(2_000_000_000), "64001bit": Bandwidth(64_001),
		"auto": Bind{Mode: BindAuto}, "address": Bind{Mode: BindAddress}, "40000": Bind{BindPorts, PortRange{40000, 40000}},
		"40000-40999": Bind{BindPorts, PortRange{40000, 40999}}, "45s": KeepAlive{Idle: 45 * second},
		"1m0s/5s": KeepAlive{Idle: 60 * second, Interval: 5 * second}, "1m0s/5s/3": KeepAlive{60 * second, 5 * second, 3},
		"1s/3s": Heartbeat{second, 3 * second},
	} {
		if got := v.String(); got != want {
			t.Errorf("%T prints %q, want %q", v, got, want)
		}
	}
	for _, v := range []fmt.Stringer{Off, Bandwidth(0), KeepAlive{}, Heartbeat{}, Linger{}, PortRange{}} {
		if got := v.String(); got != "off" {
			t.Errorf("%T prints %q where it is off", v, got)
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
	unsaid, rate := Scenario{}, full()
	rate.Load.Rate = Rate(100.0 / 60)
	for _, want := range []Scenario{unsaid, rate, unsaid.Resolve(), rate.Resolve()} {
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
		"on", "64kbit", "20Mbit", "9223372036Gbit", "1bit", "auto", "address", "40000", "40000-40999", "60s/5s", "1m0s/5s/3",
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

func TestLists(t *testing.T) {
	for text, want := range map[string]string{"failed": "failed", " failed , tw_reused": "failed,tw_reused", "": "", "failed,,x": "!", "a b": "!", ",": "!"} {
		var l List
		err := l.UnmarshalText([]byte(text))
		if got := string(l); (err != nil) != (want == "!") || err == nil && got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}
