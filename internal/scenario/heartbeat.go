package scenario

import (
	"fmt"
	"strings"
	"time"
)

// Heartbeat is an application's own question whether the other side is still there: a few bytes Every so often on a
// connection on which nothing else is said. Who has not answered after Limit is given up. The zero value is off.
type Heartbeat struct {
	Every Duration
	Limit Duration
}

// The bounds of a heartbeat, and how many intervals are waited for an answer where the limit is not said.
const (
	fastestBeat   = 100 * Duration(time.Millisecond)
	intervalsLost = 3
)

// Off tells whether no heartbeat is asked for.
func (h Heartbeat) Off() bool { return h == Heartbeat{} }

// UnmarshalText reads "off", "1s" or "1s/3s".
func (h *Heartbeat) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	*h = Heartbeat{}
	if text == "off" {
		return nil
	}
	every, limit, said := strings.Cut(text, "/")
	wrong := h.Every.UnmarshalText([]byte(every)) != nil || h.Every < fastestBeat || h.Every > longestDelay
	h.Limit = intervalsLost * h.Every
	if said {
		wrong = wrong || h.Limit.UnmarshalText([]byte(limit)) != nil || h.Limit < fastestBeat || h.Limit > longestRun
	}
	if wrong {
		*h = Heartbeat{}
		return fmt.Errorf("%q is no heartbeat: write off, or the time from one to the next (%s to %s), then how long an answer "+
			"is waited for (%s to %s), like 1s or 1s/3s", b, fastestBeat, longestDelay, fastestBeat, longestRun)
	}
	return nil
}

// MarshalText prints what UnmarshalText reads.
func (h Heartbeat) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func (h Heartbeat) String() string {
	if h.Off() {
		return "off"
	}
	return fmt.Sprintf("%s/%s", h.Every, h.Limit)
}
