package teardown

import "twomsl/internal/scenario"

// reset is SO_LINGER {1, 0}: close() sends RST, nobody ends in TIME_WAIT, and what was not delivered is lost
// (tcp_close counts it in TcpExtTCPAbortOnData).
func reset(side scenario.Side, l scenario.Linger) (Strategy, bool) {
	if !l.On || l.Seconds != 0 {
		return Strategy{}, false
	}
	first := []Step{{Op: Linger, Seconds: 0}, {Op: Close}}
	return firstThenEOF("reset", side, first, func(share, _ Share) Expect {
		// Where both reset, neither reads on to see it.
		return Expect{ClientTimeWait: None, ServerTimeWait: None, PeerReset: share == All}
	})
}
