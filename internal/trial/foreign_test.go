//go:build linux

package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// nginx and haproxy give the command line of a server that nobody here wrote, with a page whose length stays the same.
func nginx(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	conf := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log stderr; worker_processes 1;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000;
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  server { listen 8080 backlog=4096; listen [::]:8080 backlog=4096; location / { return 200 "well\n"; } }
}
`, dir)
	return nstest.Program(t, "nginx", "nginx-light") + " -p " + dir + " -c " + writeConf(t, dir, conf)
}

func haproxy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	conf := `global
  maxconn 4000
defaults
  mode http
  timeout client 60s
  timeout http-request 60s
  timeout http-keep-alive 60s
frontend web
  bind :::8080 v4v6 backlog 4096
  http-request return status 200 content-type text/plain string well
`
	return nstest.Program(t, "haproxy", "haproxy") + " -db -f " + writeConf(t, dir, conf)
}

func writeConf(t *testing.T, dir, conf string) string {
	t.Helper()
	path := filepath.Join(dir, "conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var foreigners = map[string]func(*testing.T) string{"nginx": nginx, "haproxy": haproxy}

// A load on a server that nobody here wrote: whoever is asked to close first ends in TIME_WAIT, every one of them.
func TestNetNSForeignServer(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for name, command := range foreigners {
		for _, first := range []scenario.Side{scenario.ClientSide, scenario.ServerSide} {
			t.Run(fmt.Sprint(name, " ", first), func(t *testing.T) {
				t.Parallel()
				s := scenario.Scenario{
					Name: "foreign", Load: scenario.Load{Rate: 300, Stop: scenario.Stop{Connections: 200, After: scenario.Duration(20 * time.Second)}},
					Server: scenario.Server{Command: command(t)}, Close: scenario.Close{Side: first},
					Sysctl: scenario.Sysctl{Both: map[string]string{"net.ipv4.tcp_rfc1337": "1"}}, // a stray RST would end one
				}
				got := carryOut(t, s)
				if c := got.Connections; c.OK != 200 || c.Failed != 0 {
					t.Fatalf("%+v %+v", c, got.Outcomes)
				}
				closer, other := &got.Sides.Client, &got.Sides.Server
				if first == scenario.ServerSide {
					closer, other = other, closer
				}
				// What a program of somebody else's does with a connection now and then is not ours to promise.
				if n, m := closer.States.End[record.TimeWait], other.States.End[record.TimeWait]; n < 190 || n > 200 || m != 0 {
					t.Errorf("%d TIME_WAIT where it closed first, %d on the other side; %d resets sent", n, m,
						got.Sides.Server.Counters["Tcp.OutRsts"])
				}
				if got.Bytes.Lost != nil || got.Ledger.Server.FirstCloses != nil || got.Close.Agrees != nil {
					t.Errorf("told what nobody can know: %+v %+v %+v", got.Bytes, got.Ledger.Server, got.Close)
				}
			})
		}
	}
}

// carryOut runs a scenario that must be sound.
func carryOut(t *testing.T, s scenario.Scenario) *record.Trial {
	t.Helper()
	s = s.Resolve()
	if err := s.Check(Known); err != nil {
		t.Fatal(err)
	}
	got, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != record.Complete {
		t.Fatalf("%s: %+v", got.Status, got.Failure)
	}
	return got
}

// The picture of an incident stands on a server that nobody here wrote as on ours.
func TestNetNSForeignServerStands(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for name, command := range foreigners {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenario.Scenario{
				Name: "foreign-stand", Load: scenario.Load{Hold: scenario.Duration(3 * time.Second), Stop: scenario.Stop{After: scenario.Duration(40 * time.Second)}},
				Server: scenario.Server{Command: command(t)},
				Stand: scenario.Stand{
					SynSent: 3, SynRecv: 48, Established: 70, FinWait1: 29, FinWait2: 30, Closing: 33, TimeWait: 300, LastAck: 14,
				},
			}
			got := carryOut(t, s)
			for state, n := range got.Stand.Asked {
				if seen := got.Stand.Standing[state]; seen != n {
					t.Errorf("%s: %d of %d", state, seen, n)
				}
			}
		})
	}
}

// A command that ends, that never listens or that cannot be found is said to be so, with its own words, before the load.
func TestNetNSForeignServerFails(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for name, c := range map[string]struct{ command, want string }{
		"ends":      {"echo out of order >&2; exit 3", "exit status 3; the server's last words: out of order"},
		"not there": {"/no/such/server", "not found"},
		"no HTTP":   {"exec " + os.Args[0] + " -test.run=NothingAtAll -no-such-flag", "exit status 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenario.Scenario{Name: "foreign", Server: scenario.Server{Command: c.command}}.Resolve()
			_, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "server.command") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A server that dies during the load fails the run, and its record says who it was.
func TestNetNSForeignServerDies(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	dir := t.TempDir()
	line := nginx(t) + " & echo $! > " + dir + "/pid; sleep 2; kill -9 $!; exit 9"
	s := scenario.Scenario{
		Name: "foreign", Server: scenario.Server{Command: line},
		Load: scenario.Load{Rate: 100, Stop: scenario.Stop{After: scenario.Duration(20 * time.Second)}},
	}.Resolve()
	got, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != record.Failed || got.Failure.Side != "server" || !strings.Contains(got.Failure.Text, "exit status 9") {
		t.Errorf("%s %+v", got.Status, got.Failure)
	}
}
