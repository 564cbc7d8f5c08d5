//go:build linux

package foreign

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"twomsl/internal/record"
)

// serve answers on loopback and gives where.
func serve(t *testing.T, h http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).AddrPort()
}

var loopback = netip.MustParseAddr("127.0.0.1")

func TestLearnCountsEveryByteOfTheResponse(t *testing.T) {
	for _, keep := range []bool{true, false} {
		at := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "well\n") })
		e, err := Learn(t.Context(), loopback, at, Ask{HTTP: &Page{Version: "1.1", Keep: keep}})
		if err != nil {
			t.Fatal(err)
		}
		// Go's server: status line, Date, Content-Length, Content-Type, for a close its own line, and the body.
		want := len("HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Length: 5\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nwell\n")
		if !keep {
			want += len("Connection: close\r\n")
		}
		if e.Response != int64(want) {
			t.Errorf("keep %v: %d bytes, not %d", keep, e.Response, want)
		}
	}
}

func TestLearnSaysWhatIsWrong(t *testing.T) {
	var n atomic.Int64
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		keep  bool
		want  string
	}{
		"another length each time": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", int(n.Add(1)))) }, true, "once with"},
		"never kept":               {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }, true, "the client cannot close first"},
		"cut short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "short")
			panic(http.ErrAbortHandler)
		}, false, "unexpected EOF"},
	} {
		if _, err := Learn(t.Context(), loopback, serve(t, c.serve), Ask{HTTP: &Page{Version: "1.1", Keep: c.keep}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLearnWantsHTTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Write([]byte("SSH-2.0-x\r\n")) //nolint:errcheck // the reader judges
			c.Close()
		}
	}()
	if _, err := Learn(t.Context(), loopback, l.Addr().(*net.TCPAddr).AddrPort(), Ask{HTTP: &Page{Version: "1.0"}}); err == nil {
		t.Error("what is no HTTP was taken for a response")
	}
}

func TestTimesOfAProcess(t *testing.T) {
	var sum record.CPU
	// A name with spaces and parentheses, as prctl(PR_SET_NAME) allows.
	line := "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 250 50 25 20 0 1 0"
	if err := addTimes(&sum, []byte(line)); err != nil || sum.UserSeconds != 2 || sum.SystemSeconds != 2.75 {
		t.Errorf("%+v, %v", sum, err)
	}
	for _, bad := range []string{"", "12 (a) S 1 2", "12 (a) S 1 2 3 4 5 6 7 8 9 10 x 1 1 1"} {
		if err := addTimes(&sum, []byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
