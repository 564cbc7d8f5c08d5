//go:build linux

package trial

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// A server that comes back over its own TIME_WAIT listens again where its listeners had SO_REUSEADDR or SO_REUSEPORT,
// and gets EADDRINUSE where they had neither; over a client's TIME_WAIT it always can.
func TestNetNSRestart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		overrides []string
		side      string
		want      string
	}{
		{"plain", []string{"server.reuse_address=off", "server.reuse_port=off"}, "server", "EADDRINUSE"},
		{"default", nil, "server", ""},
		{"SO_REUSEADDR", []string{"server.reuse_port=off"}, "server", ""},
		{"SO_REUSEPORT", []string{"server.reuse_address=off"}, "server", ""},
		{"plain, nothing left behind", []string{"server.reuse_address=off", "server.reuse_port=off"}, "client", ""},
	} {
		for _, family := range scenario.Families {
			t.Run(c.name+" "+string(family), func(t *testing.T) {
				t.Parallel()
				s := start(t, "close-matrix", append(c.overrides, "close.side="+c.side, "load.rate=max",
					"load.stop.connections=20", "family="+string(family))...)
				got := runTrial(t, s, Options{})
				side := got.Sides.Server
				if c.side == "client" {
					side = got.Sides.Client
				}
				if n := side.States.End[record.TimeWait]; n == 0 {
					t.Error("no TIME_WAIT stood: the test shows nothing")
				}
				if got.Restart == nil || got.Restart.Errno != c.want {
					t.Errorf("restart: %+v, want %q", got.Restart, c.want)
				}
				agrees(t, got)
			})
		}
	}
}

// Ten requests on a connection are ten exchanges and one TIME_WAIT.
func TestNetNSRequests(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"client", "server", "both"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			const n, rounds, request, response = 30, 10, 100, 3000
			s := start(t, "close-matrix", "client.requests=10", "payload.request=100B", "payload.response=3000B",
				fmt.Sprintf("load.stop.connections=%d", n), "load.rate=max", "close.side="+side, "client.no_delay=on",
				"load.concurrency=4")
			got := runTrial(t, s, Options{})
			b := got.Bytes
			if got.Connections.OK != n || b.ToServer.Written != n*rounds*request || b.ToClient.Written != n*rounds*response ||
				*b.Lost != 0 || b.ByConnection.Metered != n || b.ByConnection.WithLoss != 0 {
				t.Errorf("connections %+v, to the server %+v, to the client %+v", got.Connections, *b.ToServer, *b.ToClient)
			}
			agrees(t, got)
			client, server := got.Sides.Client.States.End[record.TimeWait], got.Sides.Server.States.End[record.TimeWait]
			replaced, reused := *got.Ledger.Server.Replaced, *got.Ledger.Client.Reused
			if side != "both" && client+server+replaced+reused != n || client+server+replaced+reused < n {
				t.Errorf("%d TIME_WAIT on the client, %d on the server, %d replaced, for %d connections", client, server, replaced, n)
			}
		})
	}
}

// With a cookie the first bytes go with the SYN, and nobody is told when the handshake is over. A server that does not
// take part lets the kernel fall back in silence: the record must say so.
func TestNetNSFastOpen(t *testing.T) {
	t.Parallel()
	for _, family := range scenario.Families {
		t.Run(string(family), func(t *testing.T) {
			t.Parallel()
			const n = 50
			s := start(t, "close-matrix", "client.fast_open=on", "sysctl.server.net.ipv4.tcp_fastopen=3", "load.rate=max",
				"load.concurrency=1", "load.stop.connections=50", "family="+string(family))
			got := runTrial(t, s, Options{})
			// The first connection asks for the cookie.
			client, server := got.Sides.Client.Counters["TcpExt.TCPFastOpenActive"], got.Sides.Server.Counters["TcpExt.TCPFastOpenPassive"]
			if got.Connections.OK != n || client != n-1 || server != n-1 || warned(got, "fast-open-unused") {
				t.Errorf("connections %+v, %d SYNs with data sent, %d taken, warnings %+v", got.Connections, client, server, got.Warnings)
			}
			if got.Latency.Connect != nil || got.Latency.FromIntended != nil || got.Environment.Unmeasured["latency.connect"] == "" {
				t.Errorf("latency %+v, unmeasured %q", got.Latency, got.Environment.Unmeasured)
			}
			if got.Bytes.ByConnection.WithLoss != 0 || got.Bytes.ByConnection.Unmatched != 0 {
				t.Errorf("by connection: %+v", *got.Bytes.ByConnection)
			}
			agrees(t, got)
		})
	}
	t.Run("server does not take part", func(t *testing.T) {
		t.Parallel()
		s := start(t, "close-matrix", "client.fast_open=on", "sysctl.server.net.ipv4.tcp_fastopen=3", "load.stop.connections=10")
		s.Sysctl.Server["net.ipv4.tcp_fastopen"] = "1" // Check would not have it
		got := runTrial(t, s, Options{})
		if !warned(got, "fast-open-unused") || got.Connections.OK != 10 {
			t.Errorf("connections %+v, warnings %+v", got.Connections, got.Warnings)
		}
	})
}

// A server that is slow to accept serves all the same; with a short queue SYNs overflow it, and are tried again.
func TestNetNSAcceptDelay(t *testing.T) {
	t.Parallel()
	t.Run("long queue", func(t *testing.T) {
		t.Parallel()
		s := start(t, "close-matrix", "server.accept_delay=5ms", "server.workers=1", "load.rate=max", "load.stop.connections=40")
		got := runTrial(t, s, Options{})
		if got.Connections.OK != 40 || got.Sides.Server.Counters["TcpExt.ListenOverflows"] != 0 || got.Phases.LoadSeconds < 0.195 {
			t.Errorf("connections %+v in %v s, %d overflows: 40 with 5 ms between them take 195 ms", got.Connections,
				got.Phases.LoadSeconds, got.Sides.Server.Counters["TcpExt.ListenOverflows"])
		}
		agrees(t, got)
	})
	t.Run("short queue", func(t *testing.T) {
		t.Parallel()
		s := start(t, "close-matrix", "server.accept_delay=50ms", "server.workers=1", "server.backlog=1", "load.rate=max",
			"load.concurrency=10", "load.stop.connections=10", "client.timeout=20s")
		got := runTrial(t, s, Options{})
		over, dropped := got.Sides.Server.Counters["TcpExt.ListenOverflows"], got.Sides.Server.Counters["TcpExt.ListenDrops"]
		if got.Connections.OK != 10 || over == 0 || dropped < over {
			t.Errorf("connections %+v, %d overflows, %d drops", got.Connections, over, dropped)
		}
		agrees(t, got)
	})
}

// What this kernel refuses a socket keeps a trial from starting, as something that this machine cannot do.
func TestNetNSUnsupportedOption(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	s := start(t, "close-matrix", "client.fast_open=on", "sysctl.server.net.ipv4.tcp_fastopen=3")
	s.Sysctl.Client = map[string]string{"net.ipv4.tcp_fastopen": "0"} // Check would not have it
	got, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program})
	var cannot *peer.CannotError
	if got != nil || !errors.As(err, &cannot) || !strings.Contains(err.Error(), "TCP_FASTOPEN_CONNECT") {
		t.Errorf("%v, %v", got, err)
	}
}

// Connections that stay open have their keepalive timers, each of them where the option is asked for and none elsewhere.
func TestNetNSKeepAlive(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]int{"70s/11s/4": 15, "off": 0} {
		t.Run(strings.ReplaceAll(asked, "/", " "), func(t *testing.T) {
			t.Parallel()
			s := start(t, "close-matrix", "close.how=leak", "client.keep_alive="+asked, "load.rate=max",
				"load.stop.connections=15", "load.hold=300ms")
			var seen string
			var late error
			got := runTrial(t, s, Options{Watch: func(m Moment) {
				if m.Phase == "hold" && seen == "" {
					seen, late = timers(m.PID.Client)
				}
			}})
			if late != nil || strings.Count(seen, "CLOSE-WAIT") != 15 || strings.Count(seen, "timer:(keepalive,1min") != want {
				t.Errorf("%v: want %d keepalive timers of 70 s in\n%s", late, want, seen)
			}
			agrees(t, got)
		})
	}
}

// timers lists the sockets of a process's namespace with their timers.
func timers(pid int) (string, error) {
	out, err := exec.Command("nsenter", "--net=/proc/"+strconv.Itoa(pid)+"/ns/net", "ss", "-Htano").CombinedOutput()
	return string(out), err
}
