//go:build linux

package trial

import (
	"strings"
	"testing"

	"twomsl/internal/record"
)

// A server of somebody else's that closes what was to stay open is named as the cause, and no other server is.
func TestServerThatClosesItself(t *testing.T) {
	t.Parallel()
	asked := record.Counts{record.Established: 100, record.FinWait2: 10}
	closed := record.Stand{
		Asked: asked, WorstDeviation: 100,
		Least: record.Counts{record.FinWait2: 10}, Most: record.Counts{record.Established: 100, record.FinWait2: 110},
	}
	gone := closed
	gone.Most = asked
	for name, c := range map[string]struct {
		command string
		stand   record.Stand
		says    bool
	}{
		"it closes":  {"haproxy -db", closed, true},
		"they go":    {"haproxy -db", gone, false},
		"our server": {"", closed, false},
	} {
		r := &run{}
		r.scenario.Server.Command = c.command
		w := r.standNotReached(&record.Trial{Status: record.Complete, Stand: &c.stand})
		if w == nil || strings.Contains(w.Text, "as its own configuration has it") != c.says ||
			strings.Contains(w.Advice, "keepalive_timeout") != c.says {
			t.Errorf("%s: %+v", name, w)
		}
	}
}
