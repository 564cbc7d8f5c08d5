//go:build linux

package server_test

import (
	"testing"

	"twomsl/client"
	"twomsl/internal/pairtest"
	"twomsl/internal/scenario"
	"twomsl/server"
)

// A server that answers until its client's FIN takes connections of one request and of many, and each ends well.
func TestUntilEOF(t *testing.T) {
	for _, rounds := range []int{1, 5} {
		cl, srv := pairtest.New(t, pairtest.Options{
			Close:  scenario.Close{Side: scenario.ClientSide},
			Client: client.Plan{Connections: 20, Request: 64, Response: 64, Rounds: rounds},
			Server: server.Plan{UntilEOF: true, Rounds: 1},
		}).Run()
		pairtest.OnlyOK(t, 20, cl.Outcomes, srv.Outcomes)
		if srv.EOFs != 20 || srv.Read != int64(20*64*rounds) || cl.Read != srv.Written {
			t.Errorf("%d requests each: the server saw %d ends and read %d bytes, wrote %d; the client read %d", rounds, srv.EOFs,
				srv.Read, srv.Written, cl.Read)
		}
	}
}
