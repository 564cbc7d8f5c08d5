//go:build linux

package server

import (
	"errors"
	"io"
	"math"
	"time"

	"twomsl/internal/exchange"
	"twomsl/internal/tally"
)

// streamBuffer is what one read takes at the most.
const streamBuffer = 16 << 10

// echoTalk says everything back; with a plan that closes first, what the first read gave.
func echoTalk(p *Plan) conversation { return stream(p, true) }

// discardTalk reads everything; with a plan that closes first, what the first read gives.
func discardTalk(p *Plan) conversation { return stream(p, false) }

func stream(p *Plan, echoes bool) conversation {
	first, think := p.closesFirst(), p.Think.Std()
	return func(t *exchange.Talk, pause func(time.Duration)) farewell {
		w := &wire{Talk: t, left: math.MaxInt64}
		for buf := make([]byte, streamBuffer); ; {
			n, err := w.Read(buf)
			if errors.Is(err, io.EOF) {
				return theirs
			}
			if err != nil {
				return broke(t, tally.Read, err)
			}
			pause(think)
			if first {
				hold(t.Conn)
			}
			if echoes {
				if _, err := w.Write(buf[:n]); err != nil {
					return broke(t, tally.Write, err)
				}
			}
			if first {
				return ours
			}
		}
	}
}
