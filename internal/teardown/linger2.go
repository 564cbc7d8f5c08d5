package teardown

import (
	"fmt"
	"strconv"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// mostLinger2 is TCP_TIMEWAIT_LEN: beyond it the FIN_WAIT2 is kept in another way first (tcp_rcv_state_process).
const mostLinger2 = 60

// linger2 is TCP_LINGER2: how long a closed socket stands in FIN_WAIT2 when the peer does not close, tcp_fin_timeout for
// one socket. To show it, the peer here reads to the end and never closes; below 0 the closer resets instead of waiting.
func init() {
	register(Kind{
		Name: "linger2", Usage: "linger2=-1|N", About: "close() with TCP_LINGER2, against a peer that never closes",
		Samples: []string{"-1", "2"}, Sides: oneSide, Make: linger2,
	})
}

func linger2(side scenario.Side, argument string) (Strategy, error) {
	n, err := strconv.Atoi(argument)
	if err != nil || n != -1 && (n < 1 || n > mostLinger2) {
		return Strategy{}, fmt.Errorf("%q is no TCP_LINGER2: -1 for a reset, or seconds from 1 to %d", argument, mostLinger2)
	}
	does := part{[]Step{{Op: Linger2, Seconds: n}, {Op: Close}}, record.Declared{}}
	other := part{[]Step{{Op: ReadEOF}, {Op: Stay}}, record.Declared{EOF: record.All}}
	if n < 0 {
		// The RST follows the FIN as soon as that is acknowledged. Which counter tells depends on whether close() was still
		// under way by then (__tcp_close, tcp_rcv_state_process).
		does.declared.Counters = map[string]record.Share{
			"TcpExt.TCPAbortOnLinger": record.Some, "TcpExt.TCPAbortOnData": record.Some,
		}
		return shareOut(side, does, other), nil
	}
	does.declared.Passing = standing(record.FinWait2, record.All)
	other.declared.States = standing(record.CloseWait, record.All)
	s := shareOut(side, does, other)
	// The timer wheel ends it up to an eighth late (calc_index), and its own step more.
	s.Settle = time.Duration(n)*time.Second*9/8 + time.Second
	return s, nil
}
