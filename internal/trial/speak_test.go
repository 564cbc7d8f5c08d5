//go:build linux

package trial

import (
	"testing"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/server"
)

// What ended after the last look, and before the server did, is in the count as it is in the outcomes.
func TestSpokenConnectionsAreTheServersLast(t *testing.T) {
	r := &run{scenario: scenario.Scenario{}.Resolve(), spoken: "http", client: absent("client", "not ours"), server: &side{}}
	r.server.progress = peer.Progress{Opened: 3, OK: 2}
	r.server.result = &peer.Result{Server: &server.Result{
		Progress: server.Progress{Opened: 4, OK: 3, Failed: 1},
		Outcomes: []record.Outcome{{Side: "server", Cause: string(record.OK), Count: 3}},
	}}
	var got record.Trial
	r.connections(&got)
	if c := got.Connections; c.Attempted != 4 || c.OK != 3 || c.Failed != 1 || c.Unfinished != 0 {
		t.Errorf("%+v", c)
	}
}
