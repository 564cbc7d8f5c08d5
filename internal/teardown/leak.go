package teardown

import (
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// leak never closes: the peer does, and CLOSE_WAIT grows here for as long as the process lives. The peer's FIN_WAIT2 is
// an orphan and ends after tcp_fin_timeout.
func init() {
	register(Kind{
		Name: "leak", Usage: "leak", About: "never close; the peer does, and CLOSE_WAIT grows",
		Samples: []string{""}, Sides: oneSide,
		Make: func(side scenario.Side, argument string) (Strategy, error) {
			does := part{[]Step{{Op: Stay}}, record.Declared{States: standing(record.CloseWait, record.All)}}
			other := part{[]Step{{Op: Close}}, record.Declared{States: standing(record.FinWait2, record.All)}}
			return shareOut(side, does, other), noArgument(argument)
		},
	})
}
