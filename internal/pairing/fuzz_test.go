//go:build linux

package pairing

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"twomsl/internal/peer"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

func steady(t testing.TB) scenario.Scenario {
	t.Helper()
	s, err := scenario.Find("steady-200")
	if err != nil {
		t.Fatal(err)
	}
	s.Topology = scenario.Hosts
	return s.Resolve()
}

func testHost() *Host {
	return NewHost(Options{Token: NewToken(), Tool: "twomsl test", Sessions: 1, Longest: time.Hour, Say: func(string) {}, Ended: func(Ended) {}})
}

// Whatever order comes, it is refused with words or is one that two hosts can run.
func FuzzOrder(f *testing.F) {
	good, err := json.Marshal(Order{Version: Version, Peer: peer.Version, Tool: "twomsl", Scenario: steady(f)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"peer":6,"scenario":{"topology":"hosts","name":"x","load":{"rate":"max"}}}`))
	f.Add([]byte(`{"version":9}`))
	f.Add([]byte(`[`))
	h := testHost()
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := h.order(data)
		if err == nil {
			err = h.takes(o.Scenario)
		}
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("refused without a word")
			}
			return
		}
		if o.Version != Version || o.Peer != peer.Version || o.Scenario.Topology != scenario.Hosts || o.Scenario.Server.Command != "" ||
			o.Scenario.Load.Stop.After.Std() > time.Hour {
			t.Errorf("let in: %+v", o)
		}
	})
}

// Whatever plan comes, what is passed on is a server's alone, at the session's own address, and starts no program.
func FuzzPrepare(f *testing.F) {
	at := netip.MustParseAddrPort("192.0.2.1:8080")
	plan := server.Plan{Listen: []netip.AddrPort{at}, Workers: 1, Steps: []teardown.Step{{Op: teardown.Close}}}
	for _, p := range []peer.Prepare{
		{Server: &plan},
		{Server: &plan, Foreign: &peer.Foreign{Command: "true", Listen: at}},
		{Foreign: &peer.Foreign{Command: "rm -rf /", Listen: at}},
		{Server: &plan, Processes: 3, Program: peer.Program{Path: "/bin/sh", Args: []string{"-c", "true"}}},
		{Server: &plan, Program: peer.Program{Path: "/bin/sh"}, Part: true},
	} {
		data, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p peer.Prepare
		if json.Unmarshal(data, &p) != nil {
			return
		}
		s := &session{host: testHost(), at: at}
		if s.vet(&p) != nil {
			return
		}
		if p.Server == nil || p.Client != nil || p.Command != nil || p.Foreign != nil || p.Relay != nil || p.Paired != nil || len(p.Groups) > 0 ||
			p.Processes > 1 || p.Program.Path != "" || len(p.Server.Listen) != 1 || p.Server.Listen[0] != at ||
			p.Watch.LocalPort != at.Port() || p.Watch.OwnNamespace || p.Watch.Tuples != nil {
			t.Errorf("passed on: %+v", p)
		}
	})
}

// A token is read whole, or refused with words that show none of it.
func FuzzToken(f *testing.F) {
	f.Add(string(NewToken()))
	f.Add("short")
	f.Add(strings.Repeat("x", 5000))
	f.Add("two words that are long enough")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseToken(text)
		if err != nil {
			if strings.TrimSpace(text) != "" && len(strings.TrimSpace(text)) > 12 && strings.Contains(err.Error(), strings.TrimSpace(text)) {
				t.Errorf("the token is shown: %v", err)
			}
			return
		}
		if _, err := certificate(k); err != nil || !k.is(strings.TrimSpace(text)) || k.is(string(k)+"x") || k.String() != "(token)" {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// Whatever a server answers, a conductor has an error or a target with a port.
func FuzzWelcome(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n{\"port\":8080,\"session\":1,\"tool\":\"twomsl\"}"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"port\":70000}"))
	f.Add([]byte("HTTP/1.1 409 Conflict\r\nContent-Length: 15\r\n\r\n{\"error\":\"no\"}\n"))
	f.Add([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
	f.Fuzz(func(t *testing.T, says []byte) {
		mine, theirs := net.Pipe()
		defer mine.Close()
		go func() {
			defer theirs.Close()
			_, _ = http.ReadRequest(newReader(theirs))
			_, _ = theirs.Write(says)
		}()
		l := &Link{Control: "x", Target: netip.MustParseAddrPort("192.0.2.1:0"), conn: mine, Remote: peer.NewRemote("server", mine)}
		if err := l.Pair(context.Background(), Order{}); err == nil && (l.Target.Port() == 0 || !l.Target.Addr().IsValid()) {
			t.Errorf("paired with %v by %q", l.Target, says)
		}
	})
}

// Two mutated tokens are never the same key.
func TestTokensHaveTheirKeys(t *testing.T) {
	a, b := NewToken(), NewToken()
	ka, errA := a.key()
	again, errAgain := a.key()
	kb, errB := b.key()
	if errA != nil || errB != nil || errAgain != nil || bytes.Equal(ka, kb) || !bytes.Equal(ka, again) {
		t.Errorf("keys: %v %v %v", errA, errB, errAgain)
	}
}
