//go:build linux

package server_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/server"
)

// A connection that failed is closed: its client sees that while the server goes on.
func TestFailedConnectionsAreClosed(t *testing.T) { pairtest.EachEngine(t, failedConnectionsAreClosed) }

func failedConnectionsAreClosed(t *testing.T, engine string) {
	s, address := serve(t, server.Plan{Engine: engine})
	for range 3 {
		c := dial(t, address)
		write(t, c, payload.Response(64)) // it should be a request
		must(t, c.SetReadDeadline(time.Now().Add(pairtest.Limit)))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the client sees %v", err)
		}
	}
	if p := stop(t, s).Progress; p.Failed != 3 {
		t.Errorf("%+v", p)
	}
}
