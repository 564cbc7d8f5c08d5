package diagnose

import (
	"fmt"

	"twomsl/internal/record"
)

// closeWaitMany is how many CLOSE_WAIT make a leak. Fewer stand on healthy hosts for a while: a slow handler, a client that
// half-closes and waits for its answer.
const closeWaitMany = 50

// closeWaitLeak: the peer has closed, the program was told, and does not close. What tells a leak from a busy moment is that
// the same sockets stay.
func closeWaitLeak(s *sight) (f finding) {
	now, seen := s.state(record.CloseWait)
	stayed, watched := s.stayed(record.CloseWait)
	established, _ := s.state(record.Established)
	switch {
	case !seen:
		f.unseen = "CLOSE_WAIT: the sockets were not counted by state"
		return f
	case now < closeWaitMany || watched && stayed < closeWaitMany:
		f.out = fmt.Sprintf("CLOSE_WAIT: %s", count(now))
		if watched && now > 0 {
			f.out += fmt.Sprintf(", %s of them %s", count(stayed), s.allAlong())
		}
		return f
	case watched:
		f.confidence = record.Likely
	case now >= established:
		f.confidence = record.Possible
	default:
		f.unseen = fmt.Sprintf("CLOSE_WAIT: %s at one look; whether they stay takes a second one, some seconds later", count(now))
		return f
	}
	f.says = fmt.Sprintf("%s connections were closed by their peers, and the program here does not close them", count(now))
	if f.confidence == record.Possible {
		f.says = fmt.Sprintf("%s CLOSE_WAIT at one look: their peers have closed, the program here has not; a leak, if they stay", count(now))
	}
	f.evidence = []string{count(now) + " CLOSE_WAIT, " + count(established) + " ESTABLISHED"}
	if watched {
		f.evidence = append(f.evidence, fmt.Sprintf("%s of them stood %s; no timer ends them", count(stayed), s.allAlong()))
	}
	f.evidence = append(f.evidence, s.leakers()...)
	if d, share := s.closest(); d != nil {
		f.evidence = append(f.evidence, fmt.Sprintf("each holds a descriptor: %s has %s of %s, %s", or(d.Program, "the process"),
			count(d.InUse), count(d.Limit), percent(share)))
		if n, _ := s.outOfDescriptors(); n > 0 && 2*now >= d.InUse {
			f.confidence = record.Certain // it is what the descriptors went into
		}
	}
	return f
}

// allAlong says for how long something stood.
func (s *sight) allAlong() string {
	switch w := s.h.WatchedSeconds; {
	case w == nil || *w <= 0:
		return "at every look"
	case s.h.Source == record.FromTrial:
		return "for " + seconds(*w/2) + ", the last half of the trial"
	default:
		return "for all of the " + seconds(*w)
	}
}

// leakers names the programs that hold CLOSE_WAIT, and what they have not read.
func (s *sight) leakers() (out []string) {
	var unread int64
	for i := range s.h.Flows {
		f := &s.h.Flows[i]
		n := f.States[record.CloseWait]
		if n < closeWaitMany {
			continue
		}
		unread += f.Unread
		if len(f.Programs) > 0 && len(out) < mostNamed {
			out = append(out, fmt.Sprintf("%s of them on port %d: %s", count(n), f.Port, f.Programs[0]))
		}
	}
	if unread > 0 {
		out = append(out, counted(unread, "socket holds", "sockets hold")+" data that the program has not read: it is stuck, not only careless")
	}
	return out
}

func closeWaitRemedies(*sight) []record.Remedy {
	return []record.Remedy{
		{
			When: "tonight", Kind: "program", Do: "restart the program: that closes its sockets. No sysctl does",
			Risk: "its open connections end, too; the leak begins anew", Undo: "none needed",
		},
		{
			When: "lasting", Kind: "code", Do: "close() when read() gives 0, on error paths, too; an idle timeout on what is waiting; look for the thread " +
				"that should read it",
			Risk: "none known", Undo: "none needed",
		},
	}
}
