//go:build linux

package client_test

import (
	"io"
	"net"
	"testing"

	"twomsl/client"
	"twomsl/internal/pairtest"
	"twomsl/internal/teardown"
)

// What a server of somebody else's says is heard to its end by every engine.
func TestAnswersOfOthers(t *testing.T) { pairtest.EachEngine(t, answersOfOthers) }

func answersOfOthers(t *testing.T, engine string) {
	last := []teardown.Step{{Op: teardown.ReadEOF}, {Op: teardown.Close}}
	for _, c := range []struct {
		name  string
		plan  client.Plan
		serve func(net.Conn)
		want  string
	}{
		{"until its FIN", client.Plan{Say: []byte("go"), EOF: true, Steps: last}, func(c net.Conn) { write(c, []byte("some")) }, "ok"},
		{"who is not asked", client.Plan{Say: []byte{}, EOF: true, Steps: last}, func(c net.Conn) { write(c, []byte("some")) }, "ok"},
		{"until a text", client.Plan{Say: []byte("go"), Match: []byte("ok\n"), Rounds: 2}, func(c net.Conn) {
			for range 2 {
				write(c, []byte("not yet\nok\n"))
				_, _ = io.ReadFull(c, make([]byte, 2))
			}
			waitForEnd(c)
		}, "ok"},
		{"another status", client.Plan{Say: []byte("go"), EOF: true, Begins: []byte("HTTP/1.1 200"), Steps: last}, func(c net.Conn) {
			write(c, []byte("HTTP/1.1 502 Bad Gateway\r\n\r\n"))
		}, "read wrong-bytes"},
		{"a FIN before the text", client.Plan{Say: []byte("go"), Match: []byte("ok\n")}, func(c net.Conn) { write(c, []byte("no")) }, "read short-read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairtest.Descriptors(t)
			p := newPeer(t, func(conn net.Conn) {
				if _, err := io.ReadFull(conn, make([]byte, len(c.plan.Say))); err != nil {
					t.Error(err)
				}
				c.serve(conn)
			})
			c.plan.Engine, c.plan.Destinations, c.plan.Connections, c.plan.Concurrency = engine, p.address, 20, 4
			res := pairtest.RunClient(t, c.plan)
			expectEnds(t, res.Outcomes, map[string]int64{c.want: 20})
		})
	}
}
