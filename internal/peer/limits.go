//go:build linux

package peer

import (
	"context"
	"errors"
	"fmt"

	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// Limits are what a host has only so much of, beside ports, at its fullest over all looks. A nil value was not read: why
// stands in Unmeasured, by the record's field within its side.
type Limits struct {
	Conntrack   *record.Conntrack   `json:"conntrack"` // nil, too, where nothing is tracked
	Descriptors *record.Descriptors `json:"descriptors"`
	Listeners   []record.Listener   `json:"listeners"`
	Unmeasured  map[string]string   `json:"unmeasured"`
}

// limits looks at them, on the sampler's thread.
type limits struct {
	states    *sample.States
	filter    sample.Filter
	tracked   bool
	conntrack *sample.Conntrack // nil where it cannot be read
	before    sample.ConntrackValues
	listening []sample.Listener
	seen      Limits
}

func (a *agent) track(context.Context, none) (none, error) { return none{}, lab.Track() }

// runShort leaves this process so many descriptors, 0 for as many as it can have. From then on nothing of its own takes one
// until the load is over: the counters' files are open by now.
func (a *agent) runShort(of int) (err error) {
	if a.counters, err = sample.OpenCounters(procSelf); err != nil {
		return err
	}
	return a.sampler.limits.begin(of)
}

func (a *agent) closeCounters() {
	if a.counters != nil {
		a.counters.Close() //nolint:errcheck // only read from
	}
}

// newLimits opens what is to be read, in the calling thread's namespace. What cannot be read is told and left out: a run
// does not fail for it.
func newLimits(states *sample.States, f sample.Filter, tracked bool) *limits {
	l := &limits{states: states, filter: f, tracked: tracked, seen: Limits{Unmeasured: map[string]string{}}}
	l.filter.RemotePort = 0 // a listener has none
	var err error
	if l.conntrack, err = sample.OpenConntrack(procSelf); err == nil {
		l.before, err = l.conntrack.Read()
	}
	switch {
	case err == nil:
	case errors.Is(err, sample.ErrNoConntrack) && !tracked: // there is nothing to be missed
	default:
		l.missed("conntrack", err)
	}
	return l
}

// begin lowers the limit on descriptors where that is asked for, and looks at what is there.
func (l *limits) begin(descriptors int) error {
	if descriptors > 0 {
		have, err := sample.Descriptors(procSelf)
		if err == nil && int64(descriptors) <= have {
			return fmt.Errorf("descriptors: this process has %d open already, and may hold %d: allow it some more", have, descriptors)
		}
		if err := linux.LimitDescriptors(uint64(descriptors)); err != nil {
			return err
		}
	}
	d := &record.Descriptors{}
	var err error
	if d.Limit, err = sample.DescriptorLimit(procSelf); err != nil {
		l.missed("descriptors", err)
		return nil
	}
	l.seen.Descriptors = d
	return nil
}

// look takes the fullest of each. split are the listeners of the sample's split, where it took one: with their SYN_RECV.
func (l *limits) look(split []sample.Listener, taken bool) {
	l.lookAtConntrack()
	l.lookAtDescriptors()
	if taken {
		l.keepListeners(split)
		return
	}
	if l.seen.Unmeasured["listeners"] != "" {
		return
	}
	var err error
	if l.listening, err = l.states.Listening(l.filter, l.listening); err != nil {
		l.missed("listeners", err)
		return
	}
	l.keepListeners(l.listening)
}

func (l *limits) lookAtConntrack() {
	if l.conntrack == nil || l.seen.Unmeasured["conntrack"] != "" {
		return
	}
	v, err := l.conntrack.Read()
	if err != nil {
		l.missed("conntrack", err)
		return
	}
	if l.seen.Conntrack == nil {
		if !l.tracked && v.Entries == 0 {
			return
		}
		l.seen.Conntrack = &record.Conntrack{Dropped: new(int64), EarlyDropped: new(int64)}
	}
	c := l.seen.Conntrack
	c.Entries, c.Limit = max(c.Entries, v.Entries), v.Limit
	*c.Dropped, *c.EarlyDropped = v.Dropped-l.before.Dropped, v.EarlyDropped-l.before.EarlyDropped
}

func (l *limits) lookAtDescriptors() {
	if l.seen.Descriptors == nil {
		return
	}
	n, err := sample.Descriptors(procSelf)
	if err != nil {
		l.missed("descriptors", err)
		return
	}
	l.seen.Descriptors.InUse = max(l.seen.Descriptors.InUse, n)
}

func (l *limits) keepListeners(list []sample.Listener) {
	for _, now := range list {
		one := now.Record()
		i := indexOf(l.seen.Listeners, one)
		if i < 0 {
			l.seen.Listeners = append(l.seen.Listeners, one)
			continue
		}
		known := &l.seen.Listeners[i]
		known.Queue, known.SynRecv = max(known.Queue, one.Queue), max(known.SynRecv, one.SynRecv)
		known.Backlog = one.Backlog
	}
}

func indexOf(list []record.Listener, one record.Listener) int {
	for i := range list {
		if list[i].Address == one.Address && list[i].Port == one.Port {
			return i
		}
	}
	return -1
}

// missed tells why a value is not there; half a value is none.
func (l *limits) missed(what string, why error) {
	l.seen.Unmeasured[what] = why.Error()
	switch what {
	case "conntrack":
		l.seen.Conntrack = nil
	case "descriptors":
		l.seen.Descriptors = nil
	case "listeners":
		l.seen.Listeners = nil
	}
}

func (l *limits) close() {
	if l.conntrack != nil {
		l.conntrack.Close() //nolint:errcheck // only read from
	}
}
