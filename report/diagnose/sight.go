package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// sight is a host with what several rules ask of it.
type sight struct {
	h                       *record.Host
	timeWaitIn, timeWaitOut int64
	tuples                  []tuple // of the flows out whose ports were counted, the fullest first
	nearly                  []rule  // causes that are near
	unseen                  int     // rules that lacked their evidence
}

func newSight(h *record.Host) *sight {
	s := &sight{h: h}
	for i := range h.Flows {
		f := &h.Flows[i]
		switch f.Direction {
		case record.Inbound:
			s.timeWaitIn += f.States[record.TimeWait]
		case record.Outbound:
			s.timeWaitOut += f.States[record.TimeWait]
		}
	}
	s.tuples = tuplesOf(h)
	return s
}

// of names what was looked at.
func (s *sight) of() string {
	switch {
	case s.h.Name != "":
		return s.h.Name
	case s.h.Source == record.FromLive:
		return "this host"
	}
	return "a host without a name"
}

// moved is a counter's change over the watch; false where the counter was not watched.
func (s *sight) moved(name string) (n int64, watched bool) {
	n, watched = s.h.Counters[name]
	return max(0, n), watched
}

// sinceBoot is what a counter stood at, as an aside: when it moved nobody can tell.
func (s *sight) sinceBoot(name string) string {
	if n := s.h.SinceBoot[name]; n > 0 {
		return fmt.Sprintf(" (%s since boot; when is not known)", count(n))
	}
	return ""
}

// watch says for how long the host was looked at: "in the 10 s watched".
func (s *sight) watch() string {
	if w := s.h.WatchedSeconds; w != nil && *w > 0 {
		return "in the " + seconds(*w) + " watched"
	}
	return "while it was looked at"
}

// errors counts how often the host's own programs, canaries on it included, got one of these errnos from one of these calls;
// any call where none is named. False where nobody saw their errors.
func (s *sight) errors(calls []string, errnos ...string) (n int64, seen bool) {
	add := func(phase, errno string, times int64) {
		if slices.Contains(errnos, errno) && (calls == nil || slices.Contains(calls, phase)) {
			n += times
		}
	}
	for _, o := range s.h.Errors {
		add(o.Phase, o.Errno, o.Count)
	}
	for _, c := range s.h.Canaries {
		for _, f := range c.Failures {
			if c.From == fromHost {
				add(f.Phase, f.Errno, f.Count)
			}
		}
	}
	return n, s.h.Errors != nil || n > 0
}

// state is how many sockets stood in a state at the last look; false where they were not counted.
func (s *sight) state(state record.State) (int64, bool) {
	return s.h.States[state], s.h.States != nil
}

// peak is the most of a state at any look.
func (s *sight) peak(state record.State) int64 { return max(s.h.Peak[state], s.h.States[state]) }

// stayed is how many sockets were in a state at every look; false where there was one look only.
func (s *sight) stayed(state record.State) (int64, bool) {
	return s.h.Stayed[state], s.h.Stayed != nil
}

// setting is a sysctl's value; "" where it was not read.
func (s *sight) setting(key string) string { return strings.TrimSpace(s.h.Sysctls[key]) }

// flowSum adds up something over all flows.
func (s *sight) flowSum(of func(*record.Flow) int64) (n int64) {
	for i := range s.h.Flows {
		n += of(&s.h.Flows[i])
	}
	return n
}

// canary tells how calls to a service of this host went: "ssh from outside: 12 of 40 answered". "" where none was called.
func (s *sight) canary(name, from string) string {
	for _, c := range s.h.Canaries {
		if c.Name == name && c.From == from && c.Calls > 0 {
			text := fmt.Sprintf("canary %s, called from %s: %s of %s calls answered", name, place(from), count(c.Answered), count(c.Calls))
			for _, f := range c.Failures {
				text += fmt.Sprintf(", %s %s at %s", count(f.Count), or(f.Errno, "wrong"), f.Phase)
			}
			return text
		}
	}
	return ""
}

// canaries are what the named ones tell, of those that were called.
func (s *sight) canaries(from string, names ...string) (out []string) {
	for _, name := range names {
		if text := s.canary(name, from); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// fromHost is what a canary says that the struck host itself calls.
const fromHost = "host"

func place(from string) string {
	if from == fromHost {
		return "the host itself"
	}
	return from
}

// notVisible is what no look from outside can show, and what this one could not.
func (s *sight) notVisible() (out []string) {
	if s.h.Errors == nil {
		text := "EADDRNOTAVAIL, EMFILE and other errors that programs here received: no counter of the kernel counts them"
		if len(s.tuples) > 0 && s.tuples[0].usable > 0 {
			text += fmt.Sprintf("; at %s of the range of the fullest tuple %s", percent(s.tuples[0].share()), s.tuples[0].expects())
		}
		out = append(out, text)
	}
	for _, g := range s.h.Gaps {
		out = append(out, strings.TrimSuffix(g.What+": "+g.Why, ": "))
	}
	return out
}
