package diagnose

import (
	"fmt"
	"strconv"

	"twomsl/internal/record"
)

const (
	// finWait2Many is how many FIN_WAIT2 make a pile. A busy server has some hundreds whose clients take a while to close.
	finWait2Many = 500
	// finWait2Share is the part that they must be of all connections that this host has closed: where peers close at once,
	// FIN_WAIT2 lasts a round trip, and TIME_WAIT a minute.
	finWait2Share = 0.05
	// shortFinTimeout is a life of an orphaned FIN_WAIT2, in seconds, that slow peers still bear.
	shortFinTimeout = 15
)

// finWait2Pileup: this host closes, and the peers do not.
func finWait2Pileup(s *sight) (f finding) {
	n, seen := s.state(record.FinWait2)
	stayed, watched := s.stayed(record.FinWait2)
	closed := n + s.h.States[record.TimeWait]
	switch {
	case !seen:
		f.unseen = "FIN_WAIT2: the sockets were not counted by state"
		return f
	case n < finWait2Many || float64(n) < finWait2Share*float64(closed) || watched && stayed < finWait2Many:
		f.out = "FIN_WAIT2: " + count(n)
		if watched && n > 0 {
			f.out += fmt.Sprintf(", %s of them %s", count(stayed), s.allAlong())
		}
		return f
	case watched:
		f.confidence = record.Likely
	default:
		f.confidence = record.Possible
	}
	f.says = fmt.Sprintf("%s connections that this host has closed wait for their peers to close", count(n))
	f.evidence = []string{fmt.Sprintf("%s FIN_WAIT2 beside %s TIME_WAIT: peers that close leave FIN_WAIT2 within a round trip", count(n),
		count(s.h.States[record.TimeWait]))}
	if watched {
		f.evidence = append(f.evidence, fmt.Sprintf("%s of them stood %s", count(stayed), s.allAlong()))
	}
	if v, err := strconv.Atoi(s.setting("net.ipv4.tcp_fin_timeout")); err == nil {
		f.evidence = append(f.evidence, fmt.Sprintf("tcp_fin_timeout = %d: those that no process holds any more last %d s; "+
			"those of a process that has called shutdown() only, as long as it lives", v, finWait2Life(v)))
	}
	return f
}

// finWait2Life is how long an orphaned FIN_WAIT2 lives: above a minute twice what is above it (tcp_rcv_state_process,
// tcp_keepalive_timer).
func finWait2Life(timeout int) int {
	if timeout > 60 {
		return 2 * (timeout - 60)
	}
	return timeout
}

func finWait2Remedies(s *sight) []record.Remedy {
	var out []record.Remedy
	if v, err := strconv.Atoi(s.setting("net.ipv4.tcp_fin_timeout")); err != nil || v > shortFinTimeout {
		out = append(out, record.Remedy{
			When: "tonight", Kind: "sysctl", Do: fmt.Sprintf("net.ipv4.tcp_fin_timeout = %d: that long a FIN_WAIT2 without a process lasts. This is what the setting is for; "+
				"TIME_WAIT it does not touch", shortFinTimeout),
			Risk: "data that a slow peer sends after 15 s is answered with a reset", Undo: "net.ipv4.tcp_fin_timeout = " + or(s.setting("net.ipv4.tcp_fin_timeout"), "60"),
		})
	}
	return append(
		out,
		record.Remedy{
			When: "lasting", Kind: "code", Do: "at the peer: close() when read() gives 0 (it has CLOSE_WAIT for each of these). Here: after shutdown() read on " +
				"for a bounded time, then close(); TCP_LINGER2 sets the time for one socket",
			Risk: "none known", Undo: "none needed",
		},
		record.Remedy{
			When: "lasting", Kind: "nginx", Do: "lingering_timeout 5s and lingering_time 30s (the defaults); reset_timedout_connection on for clients that are gone",
			Risk: "a reset throws away what was not yet sent", Undo: "reset_timedout_connection off",
		},
	)
}
