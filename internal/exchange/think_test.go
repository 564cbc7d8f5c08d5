//go:build linux

package exchange

import (
	"testing"
	"time"

	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

const thought = 30 * time.Millisecond

func thinking(s Script) Script { s.Think = thought; return listening(s) }

// A side that answers takes its time for each answer, and that is no failure; one that asks takes none.
func TestAnswersTakeTheirTime(t *testing.T) {
	for _, by := range bothSides {
		t.Run(by.name, func(t *testing.T) {
			got := converse(t, by, thinking(rounds(script(teardown.Close), 2)), limit, func(p peer) {
				for range 2 {
					p.says(request...)
					asked := time.Now()
					p.hears(response)
					if took := time.Since(asked); took < thought {
						t.Errorf("an answer after %v, expected %v at the least", took, thought)
					}
				}
				wantEnd(p, "EOF")
			})
			if got.Result != Closed || len(got.Asides) > 0 || got.Written != 2*answered || got.Read != 2*asked {
				t.Errorf("%+v", got)
			}
			asks := script(teardown.Close)
			asks.Think = time.Hour
			if got := converse(t, by, asks, limit, func(p peer) { p.exchanges(); _ = p.ends() }); got.Result != Closed {
				t.Errorf("a side that asks: %+v", got)
			}
		})
	}
}

// A connection whose time is up while it thinks is given up.
func TestThoughtEndsWithTheConnectionsTime(t *testing.T) {
	s := thinking(script(teardown.Close))
	s.Think = time.Hour
	for _, by := range bothSides {
		got := converse(t, by, s, thought, func(p peer) {
			p.says(request...)
			_ = p.ends()
		})
		if got.Result != Broken || got.Why != tally.GaveUp || got.Phase != tally.Write {
			t.Errorf("%s: %+v", by.name, got)
		}
	}
}
