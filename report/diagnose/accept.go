package diagnose

import (
	"fmt"
	"strconv"

	"twomsl/internal/record"
)

// burst is how many overflows a short burst of clients may make of a queue that is long enough else.
const burst = 10

// acceptBacklogFull: the kernel has taken connections that the program does not fetch with accept(), and drops new ones.
func acceptBacklogFull(s *sight) (f finding) {
	over, watched := s.moved("TcpExt.ListenOverflows")
	l := s.fullestQueue()
	full := l != nil && l.Queue > l.Backlog // the queue holds one more than the backlog
	switch {
	case over > 0 && (full || over > burst):
		f.confidence = record.Certain
	case over > 0 || full:
		f.confidence = record.Likely
	case watched:
		f.out = fmt.Sprintf("accept queue: ListenOverflows did not move %s%s", s.watch(), s.sinceBoot("TcpExt.ListenOverflows"))
		if l != nil && l.Backlog >= burst && l.Queue >= l.Backlog*3/4 {
			f.near = fmt.Sprintf("the accept queue of %s holds %s of %s", listenerName(l), count(l.Queue), count(l.Backlog))
		}
		return f
	case l != nil && s.h.SinceBoot == nil:
		f.unseen = fmt.Sprintf("accept queue: %s waited for accept() at the one look; whether any were dropped takes nstat -az, twice",
			counted(l.Queue, "connection", "connections"))
		return f
	default:
		f.unseen = "accept queue: it takes ListenOverflows twice, some seconds apart" + s.sinceBoot("TcpExt.ListenOverflows")
		return f
	}
	f.says = "The accept queue is full: the program does not fetch its connections fast enough, and new ones are dropped"
	if over == 0 {
		f.says = "The accept queue is full: the program does not fetch its connections"
	}
	if over > 0 {
		f.evidence = append(f.evidence, fmt.Sprintf("ListenOverflows %s %s: SYN or ACK dropped, clients hang and try again", count(over), s.watch()))
	}
	if l != nil {
		f.evidence = append(f.evidence, fmt.Sprintf("%s: %s waited for accept(), backlog %s", listenerName(l), count(l.Queue), count(l.Backlog)))
	}
	if n, _ := s.outOfDescriptors(); n > 0 {
		f.confidence = record.Likely
		f.evidence = append(f.evidence, "it follows from the descriptors: accept() fails without one")
	}
	f.evidence = append(f.evidence, s.canaries("outside", "ssh", "dns")...)
	return f
}

// enoughBacklog is a backlog that carries a burst of clients: the default of net.core.somaxconn, which caps it.
const enoughBacklog = 4096

func acceptRemedies(s *sight) []record.Remedy {
	capped, err := strconv.Atoi(s.setting("net.core.somaxconn"))
	longer := record.Remedy{
		When: "tonight", Kind: "program",
		Do: fmt.Sprintf("a backlog of %d for the listener (nginx: listen ... backlog=%d; HAProxy: backlog %d), and a restart", enoughBacklog,
			enoughBacklog, enoughBacklog),
		Risk: "helps against bursts only: a program that is too slow fills any queue, and clients wait longer in a long one",
		Undo: "the old backlog, and a restart",
	}
	if err == nil && capped < enoughBacklog {
		longer.Do += fmt.Sprintf("; before that net.core.somaxconn = %d, which caps it as it is when listen() is called", enoughBacklog)
		longer.Undo += fmt.Sprintf("; net.core.somaxconn = %d", capped)
	}
	return []record.Remedy{
		{
			When: "tonight", Kind: "program", Do: "find what keeps the program from accept(): too few workers or threads, a lock, a slow backend; give it more, or restart it",
			Risk: "a restart drops what waits in the queue", Undo: "none needed",
		},
		longer,
		{
			When: "lasting", Kind: "haproxy", Do: "a maxconn that the host can carry, and timeouts that end slow requests",
			Risk: "clients beyond maxconn wait in the backlog", Undo: "the old maxconn",
		},
		{
			When: "lasting", Kind: "code", Do: "call accept() in a loop of its own until EAGAIN, and work elsewhere; SYN cookies do not help against a full accept queue",
			Risk: "none known", Undo: "none needed",
		},
	}
}
