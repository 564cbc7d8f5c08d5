package teardown

import (
	"fmt"
	"strconv"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// mostLinger bounds SO_LINGER's seconds: a worker waits in close() for as long.
const mostLinger = 3600

// linger is SO_LINGER. -1 is {0, 0}, the system's default, said expressly; 0 is a reset; n lets close() wait until the
// peer has acknowledged everything, n seconds at most, before the usual FIN and TIME_WAIT (inet_release).
func init() {
	register(Kind{
		Name: "linger", Usage: "linger=-1|0|N", About: "close() with SO_LINGER off, {1,0} (a reset) or {1,N seconds}",
		Samples: []string{"-1", "0", "2"}, Sides: anySide, Make: linger,
	})
}

func linger(side scenario.Side, argument string) (Strategy, error) {
	n, err := strconv.Atoi(argument)
	if err != nil || n < -1 || n > mostLinger {
		return Strategy{}, fmt.Errorf("%q is no linger: -1 for the default, 0 for a reset, or seconds up to %d", argument, mostLinger)
	}
	steps := []Step{{Op: Linger, Seconds: n}, {Op: Close}}
	if n != 0 {
		return closers(side, steps, ""), nil
	}
	return reset(side, steps), nil
}

// reset: close() sends RST, nobody ends in TIME_WAIT, and what was not delivered is lost. TCPAbortOnData counts it
// (tcp_close), whether there was data or not.
func reset(side scenario.Side, steps []Step) Strategy {
	does := part{steps, record.Declared{Counters: counted("TcpExt.TCPAbortOnData"), MayLose: true}}
	if side == scenario.BothSides {
		// Whose RST was first decides: the other's socket is closed by then, and has nothing to reset.
		does.declared.Counters = map[string]record.Share{"TcpExt.TCPAbortOnData": record.Some}
		does.declared.Reset = record.Some // by a read that the other's RST cut off
		return shareOut(side, does, does)
	}
	return shareOut(side, does, readThenClose(record.Declared{Reset: record.All}))
}
