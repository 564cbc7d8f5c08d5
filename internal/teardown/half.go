package teardown

import (
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// half is shutdown(SHUT_WR) and no close() on either side: FIN_WAIT2 here and CLOSE_WAIT there, both with a process, and
// so without a time limit (tcp_fin_timeout is for orphans).
func init() {
	register(Kind{
		Name: "half", Usage: "half", About: "shutdown the sending half and stay; the peer stays too",
		Samples: []string{""}, Sides: oneSide,
		Make: func(side scenario.Side, argument string) (Strategy, error) {
			does := part{
				[]Step{{Op: Shutdown}, {Op: Stay}},
				record.Declared{States: standing(record.FinWait2, record.All)},
			}
			other := part{
				[]Step{{Op: ReadEOF}, {Op: Stay}},
				record.Declared{States: standing(record.CloseWait, record.All), EOF: record.All},
			}
			return shareOut(side, does, other), noArgument(argument)
		},
	})
}
