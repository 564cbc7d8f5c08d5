package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Each value type reads and prints one spelling, for YAML, JSON, --set and flags alike: UnmarshalText and MarshalText.

// Rate is in connections per second; Max means as fast as it goes. The zero value is "not said".
type Rate float64

// Max is the closed loop: the next connection starts when one ends.
const Max Rate = -1

// UnmarshalText reads "300/s", "2.5/s", "90/m" or "max"; the empty text is a rate that was not said.
func (r *Rate) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	switch s {
	case "":
		*r = 0
		return nil
	case "max":
		*r = Max
		return nil
	}
	n, unit, ok := strings.Cut(s, "/")
	per := map[string]float64{"s": 1, "m": 60}[strings.TrimSpace(unit)]
	v, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
	if !ok || per == 0 || err != nil || !(v/per > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is no rate: write connections per second like 300/s, per minute like 90/m, or max", s)
	}
	*r = Rate(v / per)
	return nil
}

// MarshalText prints what UnmarshalText reads; a rate that was not said is the empty text.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (r Rate) String() string {
	switch {
	case r == 0:
		return ""
	case r == Max:
		return "max"
	}
	s := strconv.FormatFloat(float64(r), 'f', -1, 64)
	// 100/m is no short number per second: it is printed as it was most likely written.
	if m := strconv.FormatFloat(float64(r*60), 'f', -1, 64); len(m)+4 < len(s) && r*60/60 == r {
		return m + "/m"
	}
	return s + "/s"
}

// Duration is a time.Duration in Go's spelling.
type Duration time.Duration

// UnmarshalText reads "90s", "1m30s", "100ms".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("%q is no duration: write it like 90s, 1m30s or 100ms", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText prints what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string { return time.Duration(d).String() }

// Std gives the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Size is a number of bytes. The zero value is "not said"; Resolve makes it the default.
type Size int64

var units = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalText reads "64B", "4KiB", "1MiB", "1GiB".
func (s *Size) UnmarshalText(b []byte) error {
	t := strings.TrimSpace(string(b))
	for _, u := range units {
		n, ok := strings.CutSuffix(t, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		if err != nil || v < 0 || v > math.MaxInt64/u.bytes {
			break
		}
		*s = Size(v * u.bytes)
		return nil
	}
	return fmt.Errorf("%q is no size: write it like 64B, 4KiB or 1MiB", t)
}

// MarshalText prints what UnmarshalText reads.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Size) String() string {
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.suffix
		}
	}
	return "0B"
}

// PortRange is inclusive; the zero value is off.
type PortRange struct{ Low, High int }

// Off tells whether no range is set.
func (p PortRange) Off() bool { return p == PortRange{} }

// Size is the number of ports in the range; 0 where it is off.
func (p PortRange) Size() int {
	if p.Off() {
		return 0
	}
	return p.High - p.Low + 1
}

// UnmarshalText reads "off" or "32768-60999".
func (p *PortRange) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	if s == "off" {
		*p = PortRange{}
		return nil
	}
	lo, hi, ok := strings.Cut(s, "-")
	l, err1 := strconv.Atoi(strings.TrimSpace(lo))
	h, err2 := strconv.Atoi(strings.TrimSpace(hi))
	if !ok || err1 != nil || err2 != nil || l < 1 || h > 65535 || l > h {
		return fmt.Errorf("%q is no port range: write it like 32768-60999 (1 to 65535), or off", s)
	}
	*p = PortRange{l, h}
	return nil
}

// MarshalText prints what UnmarshalText reads.
func (p PortRange) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p PortRange) String() string {
	if p.Off() {
		return "off"
	}
	return fmt.Sprintf("%d-%d", p.Low, p.High)
}

const longestLinger = 3600 // seconds

// Linger is SO_LINGER: off (the kernel's default close), or on with a number of seconds; 0 resets the connection.
type Linger struct {
	On      bool
	Seconds int
}

// UnmarshalText reads "off", "0" or a number of seconds, with or without an "s".
func (l *Linger) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	if s == "off" {
		*l = Linger{}
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(s, "s"))
	if err != nil || n < 0 || n > longestLinger {
		return fmt.Errorf("%q is no linger: write off, 0 (reset), or seconds up to %d like 5", s, longestLinger)
	}
	*l = Linger{On: true, Seconds: n}
	return nil
}

// MarshalText prints what UnmarshalText reads.
func (l Linger) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l Linger) String() string {
	if !l.On {
		return "off"
	}
	return strconv.Itoa(l.Seconds)
}

// Switch is a socket option: on or off; the zero value is "not said".
type Switch string

// The switch's positions.
const (
	On  Switch = "on"
	Off Switch = "off"
)

// UnmarshalText reads "on" or "off"; the empty text is a switch that was not said.
func (s *Switch) UnmarshalText(b []byte) error {
	switch w := Switch(strings.TrimSpace(string(b))); w {
	case On, Off, "":
		*s = w
		return nil
	}
	return fmt.Errorf("%q is no switch: write on or off", b)
}

// MarshalText prints what UnmarshalText reads.
func (s Switch) MarshalText() ([]byte, error) { return []byte(s), nil }

func (s Switch) String() string { return string(s) }

// IsOn tells whether the switch is on.
func (s Switch) IsOn() bool { return s == On }

// Bandwidth is in bits per second; the zero value is off.
type Bandwidth int64

var bandwidths = []struct {
	suffix string
	bits   int64
}{{"Gbit", 1e9}, {"Mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

// UnmarshalText reads "off", "64kbit", "20Mbit", "1Gbit".
func (w *Bandwidth) UnmarshalText(b []byte) error {
	t := strings.TrimSpace(string(b))
	if t == "off" {
		*w = 0
		return nil
	}
	for _, u := range bandwidths {
		n, ok := strings.CutSuffix(t, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		if err != nil || v < 1 || v > math.MaxInt64/u.bits {
			break
		}
		*w = Bandwidth(v * u.bits)
		return nil
	}
	return fmt.Errorf("%q is no bandwidth: write bits per second like 64kbit, 20Mbit or 1Gbit, or off", t)
}

// MarshalText prints what UnmarshalText reads.
func (w Bandwidth) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w Bandwidth) String() string {
	for _, u := range bandwidths {
		if w != 0 && int64(w)%u.bits == 0 {
			return strconv.FormatInt(int64(w)/u.bits, 10) + u.suffix
		}
	}
	return "off"
}

// Bind is what a client's socket is bound to before connect(). The zero value is "not said".
type Bind struct {
	// Mode is auto (an address, where there are several to choose from), address, or ports.
	Mode string
	// Ports are taken in turn, with mode ports.
	Ports PortRange
}

// The modes of Bind.
const (
	BindAuto    = "auto"
	BindAddress = "address"
	BindPorts   = "ports"
)

// UnmarshalText reads "auto", "address", or the ports: "40000-40999", "40000"; the empty text was not said.
func (v *Bind) UnmarshalText(b []byte) error {
	t := strings.TrimSpace(string(b))
	if t == BindAuto || t == BindAddress || t == "" {
		*v = Bind{Mode: t}
		return nil
	}
	if n, err := strconv.Atoi(t); err == nil {
		t = fmt.Sprintf("%d-%d", n, n)
	}
	var p PortRange
	if err := p.UnmarshalText([]byte(t)); err != nil || p.Off() {
		return fmt.Errorf("%q is nothing to bind to: write auto, address, or ports like 40000-40999 or 40000", b)
	}
	*v = Bind{Mode: BindPorts, Ports: p}
	return nil
}

// MarshalText prints what UnmarshalText reads.
func (v Bind) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

func (v Bind) String() string {
	switch {
	case v.Mode != BindPorts:
		return v.Mode
	case v.Ports.Low == v.Ports.High:
		return strconv.Itoa(v.Ports.Low)
	}
	return v.Ports.String()
}

// KeepAlive is TCP's keep-alive: after Idle without a segment the kernel probes, every Interval, and gives the peer up
// after Probes without an answer (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT). The zero value is off.
type KeepAlive struct {
	Idle     Duration
	Interval Duration // 0: the namespace's
	Probes   int      // 0: the namespace's
}

// Off tells whether keep-alive is not asked for.
func (k KeepAlive) Off() bool { return k == KeepAlive{} }

// UnmarshalText reads "off", "60s", "60s/5s" or "60s/5s/3".
func (k *KeepAlive) UnmarshalText(b []byte) error {
	t := strings.TrimSpace(string(b))
	*k = KeepAlive{}
	if t == "off" {
		return nil
	}
	parts := strings.Split(t, "/")
	wrong := len(parts) > 3
	for i, part := range parts[:min(2, len(parts))] {
		err := []*Duration{&k.Idle, &k.Interval}[i].UnmarshalText([]byte(part))
		d := []Duration{k.Idle, k.Interval}[i]
		wrong = wrong || err != nil || d < second || d%second != 0 || d > 32767*second
	}
	if len(parts) == 3 {
		n, err := strconv.Atoi(strings.TrimSpace(parts[2]))
		wrong = wrong || err != nil || n < 1 || n > 127
		k.Probes = n
	}
	if wrong {
		*k = KeepAlive{}
		return fmt.Errorf("%q is no keep-alive: write off, or whole seconds of idle time, then between probes, then how "+
			"many (1 to 127), like 60s, 60s/5s or 60s/5s/3", b)
	}
	return nil
}

// MarshalText prints what UnmarshalText reads.
func (k KeepAlive) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

func (k KeepAlive) String() string {
	switch {
	case k.Off():
		return "off"
	case k.Probes > 0:
		return fmt.Sprintf("%s/%s/%d", k.Idle, k.Interval, k.Probes)
	case k.Interval > 0:
		return fmt.Sprintf("%s/%s", k.Idle, k.Interval)
	}
	return k.Idle.String()
}

// How is a close strategy with its argument, as a scenario writes it: fin, graceful=5s, linger=0. The zero value is
// "not said". Which there are is internal/teardown's to know.
type How string

// Split gives the strategy's name and its argument, "" for none.
func (h How) Split() (name, argument string) {
	name, argument, _ = strings.Cut(string(h), "=")
	return name, argument
}

// JSON gives the scenario as it stands in a record.
func (s Scenario) JSON() (json.RawMessage, error) { return json.Marshal(s) }

// FromJSON reads what JSON gave, as records keep it.
func FromJSON(data []byte) (s Scenario, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("the scenario in the record: %w", err)
	}
	return s, nil
}

// List is a list of names, as one text: "failed, tw_reused". The zero value is "not said".
type List string

// ListOf makes the list of single names.
func ListOf(list []string) List { return List(strings.Join(list, ",")) }

// Items gives the single names.
func (n List) Items() []string {
	if n == "" {
		return nil
	}
	return strings.Split(string(n), ",")
}

// UnmarshalText reads names with commas between them.
func (n *List) UnmarshalText(b []byte) error {
	var list []string
	for name := range strings.SplitSeq(string(b), ",") {
		name = strings.TrimSpace(name)
		if name == "" && strings.TrimSpace(string(b)) != "" || strings.ContainsAny(name, " \t") {
			return fmt.Errorf("%q is no list of names: write them with commas, like failed, tw_reused", b)
		}
		if name != "" {
			list = append(list, name)
		}
	}
	*n = ListOf(list)
	return nil
}

// MarshalText prints what UnmarshalText reads.
func (n List) MarshalText() ([]byte, error) { return []byte(n), nil }
