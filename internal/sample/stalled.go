package sample

import "twomsl/internal/linux"

// triedAgain is how often data must have been sent again before its socket counts as stalled: once is an everyday loss.
const triedAgain = 2

// stall sorts a socket by the one timer that the kernel tells of (inet_sk_diag_fill): data comes before keep-alive, which
// does not ask while data is under way.
func (s *Split) stall(r *linux.DiagRow) {
	switch r.Timer {
	case linux.DiagTimerRetransmit, linux.DiagTimerProbe:
		if r.Retrans >= triedAgain {
			s.Stalled.Retransmitting++
		}
	case linux.DiagTimerKeepAlive:
		s.Stalled.KeptAlive++
		if r.Retrans > 0 {
			s.Stalled.Unanswered++
		}
	}
}
