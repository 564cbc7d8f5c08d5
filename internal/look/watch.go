package look

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"twomsl/internal/record"
)

// Watch puts the looks at one host together. Add them in the order in which they were taken, then ask for the Host.
//
// A connection counts as made during the watch when a socket stands at a look that did not stand at the look before: another
// pair of addresses and ports, or the same pair in an earlier part of its life, or a TIME_WAIT whose timer was started anew.
// What was opened and was gone again between two looks leaves no trace where the other side closed first, or a reset ended it:
// a rate is a lower bound, and of a flow out it is that of the connections that hold ports. SYN_RECV is not counted, which
// nobody has accepted yet. At one look, the rate is that of the TIME_WAIT that are younger than ten seconds.
type Watch struct {
	// Source is record.FromLive or FromPasted. Between is the time between two looks where neither of them tells its own.
	Source   string
	Between  time.Duration
	Redacted bool

	looks   int
	last    Look // what was told last, whichever look told it
	moments []moment
	elapsed time.Duration
	unknown bool // of some pair of looks nothing tells the time between
	earlier struct {
		counters  map[string]uint64
		conntrack *Conntrack
	}
	counted     int // looks that had counters
	tracked     int // and those of connection tracking
	standing    map[pair]life
	stayed      map[pair]record.State // what was in one state at every look so far; nil before the first listing
	listings    int
	peak        record.Counts
	made        map[flowKey]int64
	listeners   map[endpoint]record.Listener
	descriptors map[string]record.Descriptors
	entries     int64
	gaps        []record.Gap
}

type moment struct {
	at     *time.Time
	uptime *time.Duration
}

type pair struct {
	local, remote         string
	localPort, remotePort uint16
}

type life struct {
	state record.State
	left  time.Duration
}

// Add takes the next look.
func (w *Watch) Add(l Look) {
	w.looks++
	if l.Sysctls != nil {
		if w.last.Sysctls == nil {
			w.last.Sysctls = map[string]string{}
		}
		maps.Copy(w.last.Sysctls, l.Sysctls)
		w.track(l.Sysctls)
	}
	if l.Listing != nil {
		w.list(&l)
	}
	if l.Counts != nil {
		w.last.Counts = l.Counts
	}
	if l.At != nil {
		w.last.At = l.At
	}
	w.count(&l)
	w.last.TimeWaitBytesEach = cmp.Or(l.TimeWaitBytesEach, w.last.TimeWaitBytesEach)
	w.last.TCPMemoryPages = cmp.Or(l.TCPMemoryPages, w.last.TCPMemoryPages)
	if l.Descriptors != nil && w.descriptors == nil {
		w.descriptors = map[string]record.Descriptors{}
	}
	for _, d := range l.Descriptors {
		if d.InUse >= w.descriptors[d.Program].InUse {
			w.descriptors[d.Program] = d
		}
	}
	for _, g := range l.Gaps {
		w.gaps = addGap(w.gaps, g)
	}
}

// count keeps the first and the last of what only counts up.
func (w *Watch) count(l *Look) {
	if l.Counters != nil {
		w.counted++
		if w.counted == 1 {
			w.earlier.counters = l.Counters
		}
		w.last.Counters = l.Counters
	}
	if l.Conntrack != nil {
		w.tracked++
		if w.tracked == 1 {
			w.earlier.conntrack = l.Conntrack
		}
		w.last.Conntrack = l.Conntrack
	}
	w.moments = append(w.moments, moment{l.At, l.Uptime})
	since := time.Duration(0)
	if n := len(w.moments); n > 1 {
		since = w.pass(w.moments[n-2], w.moments[n-1], l.Listing)
	}
	if l.Listing != nil {
		w.stay(l.Listing, since)
		w.stand(l.Listing)
	}
}

// pass adds the time between two looks, and finds the connections that were made in it. It gives that time.
func (w *Watch) pass(before, after moment, l *Listing) time.Duration {
	since := w.between(before, after, l)
	if since <= 0 {
		w.unknown = true
	}
	w.elapsed += max(0, since)
	if l == nil || w.standing == nil {
		return since
	}
	if w.made == nil {
		w.made = map[flowKey]int64{}
	}
	sense := newSense(l, parseRange(w.last.Sysctls[KeyPortRange]))
	for i := range l.Sockets {
		k := &l.Sockets[i]
		if k.State != record.Listen && k.State != record.SynRecv && w.isNew(k, since) {
			w.made[sense.key(k)]++
		}
	}
	return since
}

// timerSlack is how far the timer of a TIME_WAIT may seem to go back: ss tells whole seconds, and the two looks take a while.
const timerSlack = 3 * time.Second

func (w *Watch) isNew(k *Socket, since time.Duration) bool {
	before, stood := w.standing[pairOf(k)]
	switch {
	case !stood, before.state == record.SynRecv:
		return true
	case k.State == record.TimeWait && before.state == record.TimeWait:
		return since > 0 && before.left > 0 && k.Left > before.left-since+timerSlack
	}
	return stage(k.State) < stage(before.state)
}

// stage orders the states of one life.
func stage(s record.State) int {
	switch s {
	case record.SynSent, record.SynRecv:
		return 0
	case record.Established:
		return 1
	case record.TimeWait:
		return 3
	}
	return 2
}

func pairOf(k *Socket) pair { return pair{k.Local, k.Remote, k.LocalPort, k.RemotePort} }

// between is the time between two looks: by the host's uptime, else its clock, else the timers of the TIME_WAIT that stand at
// both, else what was said. 0 where nothing tells it.
func (w *Watch) between(before, after moment, l *Listing) time.Duration {
	switch {
	case before.uptime != nil && after.uptime != nil && *after.uptime > *before.uptime:
		return *after.uptime - *before.uptime
	case before.at != nil && after.at != nil && after.at.After(*before.at):
		return after.at.Sub(*before.at)
	case w.Between > 0:
		return w.Between
	case l == nil:
		return 0
	}
	var ran []time.Duration
	for i := range l.Sockets {
		k := &l.Sockets[i]
		stood := w.standing[pairOf(k)]
		if k.State == record.TimeWait && stood.state == record.TimeWait && k.Left > 0 && stood.left > k.Left {
			ran = append(ran, stood.left-k.Left)
		}
	}
	return middling(ran)
}

// middling is the mean of what lies near the median: timers told in whole seconds are off by up to one either way.
func middling(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	median, sum, n := all[len(all)/2], time.Duration(0), time.Duration(0)
	for _, d := range all {
		if d >= median-time.Second && d <= median+time.Second {
			sum += d
			n++
		}
	}
	return sum / n
}

// stay drops from what stayed all that is gone, has changed, or is another connection of the same addresses and ports.
func (w *Watch) stay(l *Listing, since time.Duration) {
	w.listings++
	now := make(map[pair]record.State, len(l.Sockets))
	counts := record.Counts{}
	for i := range l.Sockets {
		k := &l.Sockets[i]
		counts[k.State]++
		was, stood := w.stayed[pairOf(k)]
		if w.listings == 1 || stood && was == k.State && (k.State == record.Listen || !w.isNew(k, since)) {
			now[pairOf(k)] = k.State
		}
	}
	w.stayed = now
	if w.peak == nil {
		w.peak = record.Counts{}
	}
	for state, n := range counts {
		w.peak[state] = max(w.peak[state], n)
	}
}

func (w *Watch) stand(l *Listing) {
	if w.standing == nil {
		w.standing = make(map[pair]life, len(l.Sockets))
	}
	clear(w.standing)
	for i := range l.Sockets {
		if k := &l.Sockets[i]; k.State != record.Listen {
			w.standing[pairOf(k)] = life{k.State, k.Left}
		}
	}
}
