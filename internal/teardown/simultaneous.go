package teardown

import (
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// simultaneous is both sides closing before either has the other's FIN (RFC 9293, 3.6, case 3): both pass through
// CLOSING, and both end in TIME_WAIT. Left to themselves two programs rarely manage that, so the lab holds the FINs of
// either side back until all connections are closed; then they cross.
func init() {
	register(Kind{
		Name: "simultaneous", Usage: "simultaneous", About: "both sides close before either has the other's FIN",
		Samples: []string{""}, Sides: []scenario.Side{scenario.BothSides},
		Make: func(side scenario.Side, argument string) (Strategy, error) {
			p := part{[]Step{{Op: Close}}, record.Declared{
				States: standing(record.TimeWait, record.All), Passing: standing(record.FinWait1, record.All),
			}}
			s := shareOut(side, p, p)
			s.FINsHeld = true
			return s, noArgument(argument)
		},
	})
}
