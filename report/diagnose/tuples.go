package diagnose

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

const (
	// fullShare is from where on a tuple counts as full: at a rate that exhausts it, a port that comes free is taken again
	// before the next look, so that nearly all are taken at any look.
	fullShare = 0.98
	// spentShare is how much of one parity must be taken for connect() to have gone over to the other.
	spentShare = 0.98
	// mixedShare is the part of the ports in use that the rarer parity has where connect() keeps to none: about half. Plain
	// connect() below half of the range has nothing of it.
	mixedShare = 0.25
	// longestTimeWait is how long a TIME_WAIT stands at most where the host does not say: 60 s and a step of the timer wheel
	// at HZ=250.
	longestTimeWait = 62.05
	// reuseDelay is the age in seconds from which connect() takes a TIME_WAIT over, where tcp_tw_reuse_delay is not there.
	reuseDelay = 1.0
	// mostTuples is how many a diagnosis lists.
	mostTuples = 10
)

// tuple is a flow out with its ports.
type tuple struct {
	flow     *record.Flow
	ports    record.PortRange
	used     int64
	usable   int64   // of the range, reserved ones left out; 0 where the range is not known
	timeWait int64   // of used; -1 where it was not counted by tuple
	reuse    bool    // connect() takes a TIME_WAIT over
	taken    float64 // seconds that a closed port stays taken at most; 0 where it is free at once
}

func (t *tuple) name() string {
	return fmt.Sprintf("%s -> %s", or(t.flow.Local, "any address"), t.destination())
}

func (t *tuple) destination() string {
	if strings.Contains(t.flow.Remote, ":") {
		return fmt.Sprintf("[%s]:%d", t.flow.Remote, t.flow.Port)
	}
	return fmt.Sprintf("%s:%d", t.flow.Remote, t.flow.Port)
}

// share is how full the tuple is; 0 where its range is not known.
func (t *tuple) share() float64 {
	if t.usable <= 0 {
		return 0
	}
	return float64(t.used) / float64(t.usable)
}

func (t *tuple) full() bool { return t.share() >= fullShare }

// covered tells that a full tuple still has ports to give: TIME_WAIT that connect() takes over.
func (t *tuple) covered() bool {
	return t.reuse && t.timeWait >= 0 && t.used-t.timeWait < t.usable/2
}

// says writes how full it is.
func (t *tuple) says() string {
	return fmt.Sprintf("%s: %s of %s ports in use (%d-%d)", t.name(), count(t.used), count(t.usable), t.ports.Low, t.ports.High)
}

// expects says what programs that use the tuple get.
func (t *tuple) expects() string {
	if t.full() && !t.covered() {
		return "there should be some"
	}
	return "there should be none"
}

// tuplesOf are the flows out whose ports were counted, the fullest first.
func tuplesOf(h *record.Host) (out []tuple) {
	for i := range h.Flows {
		f := &h.Flows[i]
		if f.Direction != record.Outbound || f.PortsInUse == nil {
			continue
		}
		t := tuple{flow: f, used: *f.PortsInUse, timeWait: -1}
		if f.States != nil {
			t.timeWait = f.States[record.TimeWait]
			if h.Source == record.FromTrial { // whose ports are those of the peak
				t.timeWait = min(t.used, max(t.timeWait, h.Peak[record.TimeWait]))
			}
		}
		t.ports, t.usable = portsOf(h, f)
		t.reuse = reuses(h, f)
		t.taken = takenFor(h, &t)
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b tuple) int {
		return cmp.Or(cmp.Compare(b.share(), a.share()), cmp.Compare(b.used, a.used), cmp.Compare(a.name(), b.name()))
	})
	return out
}

// portsOf is the range that a flow's ports come from, and how many of it there are to give.
func portsOf(h *record.Host, f *record.Flow) (r record.PortRange, usable int64) {
	if f.Range != nil {
		r = *f.Range
	} else if _, err := fmt.Sscan(h.Sysctls["net.ipv4.ip_local_port_range"], &r.Low, &r.High); err != nil {
		return record.PortRange{}, 0
	}
	if r.Low < 1 || r.High > 65535 || r.Low > r.High {
		return record.PortRange{}, 0
	}
	return r, max(1, int64(r.Size())-reservedIn(h.Sysctls["net.ipv4.ip_local_reserved_ports"], r))
}

// reservedIn counts the ports of ip_local_reserved_ports ("8080,9000-9100") that lie in the range.
func reservedIn(list string, r record.PortRange) (n int64) {
	for part := range strings.SplitSeq(list, ",") {
		lo, hi, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			hi = lo
		}
		l, err1 := strconv.Atoi(lo)
		h, err2 := strconv.Atoi(hi)
		if err1 == nil && err2 == nil {
			n += int64(max(0, min(h, r.High)-max(l, r.Low)+1))
		}
	}
	return n
}

// reuses tells whether connect() takes TIME_WAIT of this flow over: tcp_tw_reuse 1 anywhere, 2 over loopback, with
// timestamps (tcp_twsk_unique).
func reuses(h *record.Host, f *record.Flow) bool {
	if strings.TrimSpace(h.Sysctls["net.ipv4.tcp_timestamps"]) == "0" {
		return false
	}
	switch strings.TrimSpace(h.Sysctls["net.ipv4.tcp_tw_reuse"]) {
	case "1":
		return true
	case "": // not read; that it happens is as good
		return h.Counters["TcpExt.TWRecycled"] > 0
	case "2":
		a, err := netip.ParseAddr(f.Remote)
		return err == nil && (a.IsLoopback() || f.Remote == f.Local)
	}
	return false
}

// takenFor is how long a closed port of the tuple stays taken at most, in seconds: nothing where this host does not close
// first.
func takenFor(h *record.Host, t *tuple) float64 {
	switch {
	case t.timeWait == 0 || t.timeWait < 0 && h.States[record.TimeWait] == 0:
		return 0
	case !t.reuse && h.TimeWaitSeconds != nil && *h.TimeWaitSeconds > 0:
		return *h.TimeWaitSeconds
	case !t.reuse:
		return longestTimeWait
	}
	if ms, err := strconv.Atoi(strings.TrimSpace(h.Sysctls["net.ipv4.tcp_tw_reuse_delay"])); err == nil && ms > 0 {
		return float64(ms) / 1000
	}
	return reuseDelay
}

// mixed tells that connect() does not keep to one parity of the range: IP_LOCAL_PORT_RANGE, or ports that were bound.
func (t *tuple) mixed() bool {
	if t.flow.Even == nil || t.flow.Odd == nil || t.used == 0 {
		return false
	}
	return float64(min(*t.flow.Even, *t.flow.Odd)) >= mixedShare*float64(t.used) && t.share() <= 0.6
}

// spent tells whether all ports of the parity that connect() takes first are gone; false, false where that was not seen.
func (t *tuple) spent() (spent, seen bool) {
	if t.flow.Even == nil || t.flow.Odd == nil || t.usable == 0 {
		return false, false
	}
	first := *t.flow.Even
	if t.ports.Low%2 == 1 {
		first = *t.flow.Odd
	}
	return float64(first) >= spentShare*float64(t.usable/2), true
}

// outlook is where the tuple's rate leads: ports are a flow, rate x the time that each stays taken.
func (t *tuple) outlook() record.TupleOutlook {
	o := record.TupleOutlook{
		Source: t.flow.Local, Destination: t.flow.Remote, Port: t.flow.Port, Range: t.ports, InUse: t.used,
		RatePerSecond: t.flow.RatePerSecond,
	}
	if t.usable == 0 || t.taken == 0 {
		return o
	}
	full := float64(t.usable) / t.taken
	o.FullPerSecond = &full
	if !t.reuse && !t.mixed() {
		half := full / 2
		o.CliffPerSecond = &half
	}
	if r := t.flow.RatePerSecond; r != nil {
		plateau := *r * t.taken
		if t.reuse { // TIME_WAIT stand on until connect() finds nothing free where it looks: at half of the range
			plateau = max(plateau, min(*r*longestTimeWait, float64(t.usable)/2))
		}
		if t.timeWait >= 0 {
			plateau += float64(max(0, t.used-t.timeWait))
		}
		o.Plateau = &plateau
	}
	return o
}

func (s *sight) outlooks() []record.TupleOutlook {
	out := []record.TupleOutlook{}
	bound, _ := s.errors([]string{"bind"}, "EADDRINUSE")
	for i := range s.tuples[:min(len(s.tuples), mostTuples)] {
		o := s.tuples[i].outlook()
		if bound > 0 { // all destinations share the range: what this one alone could have says nothing
			o.Plateau, o.CliffPerSecond, o.FullPerSecond = nil, nil, nil
		}
		out = append(out, o)
	}
	return out
}

// fullest says how full the fullest tuple is; "" where none was counted.
func (s *sight) fullest() string {
	for i := range s.tuples {
		switch t := &s.tuples[i]; {
		case t.usable > 0 && t.full() && t.covered():
			return fmt.Sprintf("the fullest tuple (%s) is full of TIME_WAIT that connect() takes over", t.name())
		case t.usable > 0:
			return fmt.Sprintf("no tuple is above %s (%s)", strings.TrimPrefix(percent(t.share()), "under "), t.name())
		}
	}
	return ""
}

// Full names the fullest tuple of a host where it is full of what connect() does not take over, with its ports in use and
// those there are; "" where none is.
func Full(h *record.Host) (tuple string, used, usable int64) {
	for _, t := range tuplesOf(h) {
		if t.full() && !t.covered() {
			return t.name(), t.used, t.usable
		}
	}
	return "", 0, 0
}
