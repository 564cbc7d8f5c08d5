package look

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

// ageWindowSeconds is how far back one look tells the rate: that old the youngest TIME_WAIT may be.
const ageWindowSeconds = 10

// list takes the sockets of a look: the latest stand for the host, and listeners at their fullest.
func (w *Watch) list(l *Look) {
	w.last.Listing = l.Listing
	if !l.Listing.Listeners || !l.Listing.Backlogs {
		return
	}
	if w.listeners == nil {
		w.listeners = map[endpoint]record.Listener{}
	}
	now := map[endpoint]record.Listener{}
	for i := range l.Listing.Sockets {
		k := &l.Listing.Sockets[i]
		if k.State != record.Listen {
			continue
		}
		// Of several that share a port (SO_REUSEPORT), the fullest is told.
		at := endpoint{k.Local, k.LocalPort}
		if old, known := now[at]; !known || k.RecvQueue > old.Queue {
			now[at] = record.Listener{
				Address: k.Local, Port: int(k.LocalPort), Queue: k.RecvQueue, Backlog: k.SendQueue, Program: k.Program,
			}
		}
	}
	countSynRecv(l.Listing, now)
	for at, n := range now {
		old := w.listeners[at]
		n.SynRecv = max(n.SynRecv, old.SynRecv)
		if old.Queue > n.Queue {
			n.Queue, n.Backlog = old.Queue, old.Backlog
		}
		n.Program = cmp.Or(n.Program, old.Program)
		w.listeners[at] = n
	}
}

func countSynRecv(l *Listing, listeners map[endpoint]record.Listener) {
	for i := range l.Sockets {
		k := &l.Sockets[i]
		if k.State != record.SynRecv {
			continue
		}
		for _, address := range []string{k.Local, "0.0.0.0", "::"} {
			at := endpoint{address, k.LocalPort}
			if listener, there := listeners[at]; there {
				listener.SynRecv++
				listeners[at] = listener
				break
			}
		}
	}
}

// track keeps how full the table of connection tracking was at the most.
func (w *Watch) track(sysctls map[string]string) {
	if n, err := strconv.ParseInt(sysctls[KeyConntrackCount], 10, 64); err == nil {
		w.entries = max(w.entries, n)
	}
}

// Host is what the looks come to.
func (w *Watch) Host() record.Host {
	h := record.Host{
		Schema: record.HostSchema, Source: w.Source, Redacted: w.Redacted, TakenAt: w.last.At,
		Name: w.last.Sysctls[KeyHostname], Kernel: w.last.Sysctls[KeyRelease],
		States: w.last.Counts, TimeWaitBytesEach: w.last.TimeWaitBytesEach, TCPMemoryPages: w.last.TCPMemoryPages,
	}
	if w.looks > 1 && !w.unknown && w.elapsed > 0 {
		s := w.elapsed.Seconds()
		h.WatchedSeconds = &s
	}
	w.tellSockets(&h)
	w.tellCounters(&h)
	h.Sysctls = w.settings()
	h.Conntrack = w.conntrack()
	h.Descriptors = w.tellDescriptors()
	h.Gaps = w.lacks(&h)
	return h
}

func (w *Watch) tellSockets(h *record.Host) {
	l := w.last.Listing
	if l == nil {
		return
	}
	h.States = record.Counts{}
	for i := range l.Sockets {
		h.States[l.Sockets[i].State]++
	}
	if w.listings > 1 {
		h.Peak, h.Stayed = maps.Clone(w.peak), record.Counts{}
		for _, state := range w.stayed {
			h.Stayed[state]++
		}
	}
	ports := parseRange(w.last.Sysctls[KeyPortRange])
	sense := newSense(l, ports)
	all := flows(l, &sense, w.lifetime(l))
	h.Flows = []record.Flow{}
	for key, f := range all {
		told := f.told(ports)
		told.RatePerSecond = w.rate(h, l, key, f)
		h.Flows = append(h.Flows, told)
	}
	slices.SortFunc(h.Flows, byWeight)
	h.Flows = bounded(h.Flows)
	if w.listeners != nil {
		h.Listeners = slices.SortedFunc(maps.Values(w.listeners), func(a, b record.Listener) int {
			return cmp.Or(cmp.Compare(a.Port, b.Port), strings.Compare(a.Address, b.Address))
		})
	}
}

// lifetime is that of a TIME_WAIT in seconds (TCP_TIMEWAIT_LEN), or 0 where the timers say that it is another here.
func (w *Watch) lifetime(l *Listing) int64 {
	if !l.Timers {
		return 0
	}
	life := int64(60)
	if n, err := strconv.ParseInt(w.last.Sysctls[keyTimeWait], 10, 64); err == nil {
		life = n
	}
	for i := range l.Sockets {
		if l.Sockets[i].State == record.TimeWait && l.Sockets[i].Left.Seconds() > float64(life)+1 {
			return 0
		}
	}
	return life
}

// rate is how many connections of a flow were made per second; nil where that was not seen.
func (w *Watch) rate(h *record.Host, l *Listing, key flowKey, f *flow) *float64 {
	var r float64
	switch {
	case h.WatchedSeconds != nil && w.made != nil:
		r = float64(w.made[key]) / *h.WatchedSeconds
	case w.looks == 1 && l.Timers && f.States[record.TimeWait] > 0 && w.lifetime(l) > 0:
		r = float64(f.young) / ageWindowSeconds
	default:
		return nil
	}
	return &r
}

// bounded makes one flow of those that are too many, in either direction.
func bounded(all []record.Flow) []record.Flow {
	kept, n := all[:0], map[string]int{}
	rest := map[string]*flow{}
	for _, f := range all {
		n[f.Direction]++
		if n[f.Direction] <= mostFlows {
			kept = append(kept, f)
			continue
		}
		r := rest[f.Direction]
		if r == nil {
			r = &flow{rest: true, programs: map[string]int{}}
			r.Direction, r.States = f.Direction, record.Counts{}
			rest[f.Direction] = r
		}
		r.merge(&f)
	}
	for _, direction := range []string{record.Inbound, record.Outbound} {
		if r := rest[direction]; r != nil {
			kept = append(kept, r.told(nil))
		}
	}
	return kept
}

func (w *Watch) tellCounters(h *record.Host) {
	if w.counted == 0 {
		return
	}
	h.SinceBoot = make(map[string]int64, len(w.last.Counters))
	for name, n := range w.last.Counters {
		h.SinceBoot[name] = int64(n)
	}
	if w.counted < 2 {
		return
	}
	h.Counters = make(map[string]int64, len(w.last.Counters))
	for name, n := range w.last.Counters {
		if before, known := w.earlier.counters[name]; known {
			h.Counters[name] = int64(n - before)
		}
	}
}

// settings are those that are set, not those that tell.
func (w *Watch) settings() map[string]string {
	set := maps.Clone(w.last.Sysctls)
	for _, tells := range []string{KeyHostname, KeyRelease, KeyFileNr, KeyConntrackCount} {
		delete(set, tells)
	}
	if len(set) == 0 {
		return nil
	}
	return set
}

func (w *Watch) conntrack() *record.Conntrack {
	limit, err := strconv.ParseInt(w.last.Sysctls[KeyConntrackMax], 10, 64)
	if _, known := w.last.Sysctls[KeyConntrackCount]; err != nil || !known {
		return nil
	}
	c := &record.Conntrack{Entries: w.entries, Limit: limit}
	if w.tracked > 1 {
		dropped := int64(w.last.Conntrack.Dropped - w.earlier.conntrack.Dropped)
		early := int64(w.last.Conntrack.EarlyDropped - w.earlier.conntrack.EarlyDropped)
		c.Dropped, c.EarlyDropped = &dropped, &early
	}
	return c
}

// AllPrograms is the Program of a Descriptors that is of the whole host (fs.file-nr).
const AllPrograms = "all programs"

// noLimit is above every fs.file-max that is one: the kernel's own default is LONG_MAX.
const noLimit = 1 << 62

func (w *Watch) tellDescriptors() []record.Descriptors {
	var all []record.Descriptors
	if w.descriptors != nil {
		all = slices.SortedFunc(maps.Values(w.descriptors), func(a, b record.Descriptors) int {
			return cmp.Or(cmp.Compare(share(b), share(a)), strings.Compare(a.Program, b.Program))
		})
	}
	// allocated, free (always 0), the most
	f := strings.Fields(w.last.Sysctls[KeyFileNr])
	if len(f) != 3 {
		return all
	}
	used, usedErr := strconv.ParseInt(f[0], 10, 64)
	most, mostErr := strconv.ParseInt(f[2], 10, 64)
	if usedErr == nil && mostErr == nil && most > 0 && most < noLimit {
		all = append(all, record.Descriptors{Program: AllPrograms, InUse: used, Limit: most})
	}
	return all
}

func share(d record.Descriptors) float64 { return float64(d.InUse) / float64(max(d.Limit, 1)) }

// lacks lists what the looks did not have.
func (w *Watch) lacks(h *record.Host) []record.Gap {
	gaps := slices.Clone(w.gaps)
	l, oneLook := w.last.Listing, w.looks == 1
	for _, g := range []struct {
		lacking bool
		gap     record.Gap
	}{
		{l == nil && h.States == nil, GapSockets},
		{l == nil && h.States != nil, GapTable},
		{l != nil && !l.Listeners, GapListeners},
		{l != nil && l.Listeners && !l.Backlogs, GapBacklogs},
		{l != nil && !l.Timers, GapTimers},
		{l != nil && !l.Programs, GapPrograms},
		{oneLook, GapWatch},
		{!oneLook && h.WatchedSeconds == nil, GapElapsed},
		{oneLook && l != nil && l.Timers, GapRate},
		{w.counted == 0, GapCounters},
		{h.Sysctls == nil, GapSysctls},
		{h.Sysctls != nil && h.Conntrack == nil, GapConntrack},
		{h.Conntrack != nil && w.tracked == 0, GapDrops},
		{h.TimeWaitBytesEach == nil, GapTimeWait},
		{h.TCPMemoryPages == nil, GapMemory},
		{w.descriptors == nil, GapFewDescriptors},
		{slices.ContainsFunc(h.Flows, func(f record.Flow) bool { return f.Local == "" }), GapFlows},
	} {
		if g.lacking {
			gaps = addGap(gaps, g.gap)
		}
	}
	return gaps
}
