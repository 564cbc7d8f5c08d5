//go:build linux

package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"twomsl/internal/scenario"
)

// serveWeb starts the engine at a port that was free.
func serveWeb(t *testing.T, plan Plan) (Engine, net.Conn) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().(*net.TCPAddr).AddrPort()
	free.Close()
	plan.Engine, plan.Listen, plan.Backlog, plan.Length = HTTP, []netip.AddrPort{at}, 16, scenario.Duration(1e9)
	plan.Socket.ReuseAddress = true
	e, err := Open(plan)
	if err != nil {
		t.Fatal(err)
	}
	e.Start(Now())
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return e, c
}

func get(t *testing.T, c net.Conn, in *bufio.Reader) *http.Response {
	t.Helper()
	if _, err := io.WriteString(c, "POST /any?thing HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || len(body) != 1000 || resp.ContentLength != 1000 || !strings.HasPrefix(string(body), "twomsl ") || !strings.HasSuffix(string(body), "\n") {
		t.Fatalf("%d of %d bytes: %.20q %v", len(body), resp.ContentLength, body, err)
	}
	return resp
}

// The client keeps its connection for as long as it likes.
func TestWebKeepsConnections(t *testing.T) {
	e, c := serveWeb(t, Plan{Response: 1000})
	in := bufio.NewReader(c)
	for range 3 {
		if get(t, c, in).Close {
			t.Fatal("the server closes")
		}
	}
	c.Close()
	for e.Progress().OK == 0 { // it reads the FIN
	}
	ended(t, e)
}

// Who reads the last byte finds the end behind it, and the response says so.
func TestWebClosesFirst(t *testing.T) {
	e, c := serveWeb(t, Plan{Response: 1000, LeavesTimeWait: true})
	in := bufio.NewReader(c)
	if !get(t, c, in).Close {
		t.Error("the response does not say that the server closes")
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("%v after the response", err)
	}
	ended(t, e)
}

func ended(t *testing.T, e Engine) {
	t.Helper()
	e.Stop()
	<-e.Done()
	if p := e.Result(Now()).Progress; e.Err() != nil || p.Opened != 1 || p.OK != 1 || p.Failed != 0 {
		t.Errorf("%+v %v", p, e.Err())
	}
	if again := e.Restart(); again != "" {
		t.Error(again)
	}
}
