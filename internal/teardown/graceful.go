package teardown

import (
	"fmt"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// gracefulLimit is how long the peer's FIN is waited for where nothing else is said.
const gracefulLimit = 5 * time.Second

// graceful is shutdown(SHUT_WR), then reading until the peer's FIN, then close(): the closer knows that the peer has
// read everything. TIME_WAIT is where it is with fin.
func init() {
	register(Kind{
		Name: "graceful", Usage: "graceful[=TIME]", About: "shutdown the sending half, read to the end (5s at most), close",
		Samples: []string{""}, Sides: anySide, Make: graceful,
	})
}

func graceful(side scenario.Side, argument string) (Strategy, error) {
	limit := scenario.Duration(gracefulLimit)
	if argument != "" {
		if err := limit.UnmarshalText([]byte(argument)); err != nil {
			return Strategy{}, err
		}
	}
	if limit < scenario.Duration(time.Millisecond) || limit > scenario.Duration(5*time.Minute) {
		return Strategy{}, fmt.Errorf("%s is not possible: 1ms to 5m", limit)
	}
	return closers(side, []Step{{Op: Shutdown}, {Op: ReadEOF, Within: limit}, {Op: Close}}, record.All), nil
}
