package teardown

import "twomsl/internal/scenario"

// fin is a plain close(): FIN, and whoever sent the first one ends in TIME_WAIT (RFC 9293, 3.6).
func init() {
	register(Kind{
		Name: "fin", Usage: "fin", About: "close(), the plain way", Samples: []string{""}, Sides: anySide,
		Make: func(side scenario.Side, argument string) (Strategy, error) {
			return closers(side, []Step{{Op: Close}}, ""), noArgument(argument)
		},
	})
}
