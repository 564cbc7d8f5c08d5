//go:build linux

package foreign

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// says is a server that says something to whoever comes, and closes.
func says(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Write([]byte(text)) //nolint:errcheck // the reader judges
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestLearnHearsOutWhatIsNoHTTP(t *testing.T) {
	for _, c := range []struct {
		text string
		raw  Raw
		want string // in the error; "" for none
	}{
		{"220 mail\r\n", Raw{EOF: true}, ""},
		{"220 mail\r\n", Raw{Match: []byte("\r\n")}, ""},
		{"220 mail\r\n", Raw{Bytes: 10}, ""},
		{"", Raw{EOF: true}, "closes after 0 bytes, before an answer"},
		{"220 mail", Raw{Match: []byte("\r\n")}, `closes after 8 bytes, before the text "\r\n"; it says "220 mail"`},
		{"220 mail\r\nmore", Raw{Match: []byte("\r\n")}, `4 bytes follow the text "\r\n"`},
		{"220", Raw{Bytes: 10}, "closes after 3 bytes, before its 10 bytes"},
		{"220 mail\r\n.", Raw{Bytes: 10}, "1 bytes follow its 10 bytes"},
		{"HTTP/1.0 200 OK\r\n\r\n", Raw{EOF: true}, ""},
		{"HTTP/1.0 503 Service Unavailable\r\n\r\n", Raw{EOF: true}, "an error to tell before there is any load"},
	} {
		e, err := Learn(t.Context(), loopback, says(t, c.text), Ask{Raw: &c.raw})
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: %v, not %q", c.text, err, c.want)
		case c.want != "":
		case err != nil:
			t.Errorf("%q: %v", c.text, err)
		case e.Open != (c.raw.Bytes == 0) || e.Response != c.raw.Bytes || strings.HasPrefix(c.text, "HTTP") && string(e.Begins) != "HTTP/1.0 200":
			t.Errorf("%q: %+v", c.text, e)
		}
	}
}

// What changes in length is heard to its FIN where the server closes, and refused where nothing tells the end; what changes
// its status is refused.
func TestLearnOfWhatChanges(t *testing.T) {
	var n atomic.Int64
	longer := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", int(n.Add(1)))) }
	e, err := Learn(t.Context(), loopback, serve(t, longer), Ask{HTTP: &Page{Version: "1.1"}})
	if err != nil || !e.Open || e.Response != 0 || string(e.Begins) != "HTTP/1.1 200" {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := Learn(t.Context(), loopback, serve(t, longer), Ask{HTTP: &Page{Version: "1.1", Keep: true}}); err == nil {
		t.Error("an end that nothing tells")
	}
	every := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200 + int(n.Add(1)%2)) }
	if _, err := Learn(t.Context(), loopback, serve(t, every), Ask{HTTP: &Page{Version: "1.1"}}); err == nil || !strings.Contains(err.Error(), "once") {
		t.Errorf("another status each time: %v", err)
	}
	bad := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	if _, err := Learn(t.Context(), loopback, serve(t, bad), Ask{HTTP: &Page{Version: "1.1"}}); err == nil || !strings.Contains(err.Error(), "502 Bad Gateway") {
		t.Errorf("a bad gateway: %v", err)
	}
}

// The request is what the way of HTTP and the scenario say.
func TestRequestOfAPage(t *testing.T) {
	var got atomic.Value
	at := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got.Store(fmt.Sprint(r.Proto, " ", r.Host, r.URL, " ", r.Header["Connection"]))
	})
	for want, p := range map[string]Page{
		"HTTP/1.0 www.example.org/a?b []":            {Version: "1.0", Path: "/a?b", Host: "www.example.org"},
		"HTTP/1.1 " + at.String() + "/ [close]":      {Version: "1.1"},
		"HTTP/1.1 " + at.String() + "/ [keep-alive]": {Version: "1.1", Keep: true},
	} {
		if _, err := Learn(t.Context(), loopback, at, Ask{HTTP: &p}); err != nil || got.Load() != want {
			t.Errorf("%v, %v, not %s", got.Load(), err, want)
		}
	}
}
