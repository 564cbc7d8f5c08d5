package teardown

import "twomsl/internal/scenario"

// fin is the plain close: a FIN, and TIME_WAIT for the side whose FIN came first (RFC 9293, 3.6).
func fin(side scenario.Side, l scenario.Linger) (Strategy, bool) {
	if l.On {
		return Strategy{}, false
	}
	return firstThenEOF("fin", side, []Step{{Op: Close}}, func(first, other Share) Expect {
		return Expect{ClientTimeWait: first, ServerTimeWait: other}
	})
}
