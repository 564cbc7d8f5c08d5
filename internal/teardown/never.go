package teardown

import (
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// never is both sides keeping the connection open and looking at it: ESTABLISHED here and there until one of them ends.
func init() {
	register(Kind{
		Name: "never", Usage: "never", About: "neither side closes: the connection stands idle",
		Samples: []string{""}, Sides: []scenario.Side{scenario.BothSides},
		Make: func(side scenario.Side, argument string) (Strategy, error) {
			p := part{[]Step{{Op: Idle}}, record.Declared{States: standing(record.Established, record.All)}}
			return shareOut(side, p, p), noArgument(argument)
		},
	})
}
