package teardown

import "twomsl/internal/scenario"

// wait is SO_LINGER {1, n}: close() returns when the peer has acknowledged everything or after n seconds; the FIN and
// TIME_WAIT are the usual ones (inet_release).
func wait(side scenario.Side, l scenario.Linger) (Strategy, bool) {
	if !l.On || l.Seconds == 0 {
		return Strategy{}, false
	}
	first := []Step{{Op: Linger, Seconds: l.Seconds}, {Op: Close}}
	return firstThenEOF("wait", side, first, func(first, other Share) Expect {
		return Expect{ClientTimeWait: first, ServerTimeWait: other}
	})
}
