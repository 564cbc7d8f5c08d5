//go:build linux

package trial

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// smallProxy is proxy-exhaustion with 500 ports, which 20 connections more than those find taken. The client's workers
// start the last connections of all side by side; with one, the count is exact.
func smallProxy(t *testing.T, overrides ...string) scenario.Scenario {
	t.Helper()
	return start(t, "proxy-exhaustion", append([]string{
		"sysctl.relay.net.ipv4.ip_local_port_range=42000 42499", "sysctl.both.net.ipv4.tcp_rfc1337=1",
		"load.rate=max", "load.concurrency=8", "client.workers=1", "load.stop.failures=0", "load.stop.connections=520",
	}, overrides...)...)
}

// ssSplit counts a relay's TIME_WAIT by the side that they face, as a person would: by the ports in ss.
func ssSplit(pid int, port string) (client, server int64, err error) {
	out, err := exec.Command("nsenter", "--net=/proc/"+strconv.Itoa(pid)+"/ns/net", "ss", "-Htan", "state", "time-wait").CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("ss in the relay's namespace: %w: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if local := strings.Fields(line)[2]; strings.HasSuffix(local, ":"+port) {
			client++
		} else {
			server++
		}
	}
	return client, server, nil
}

// A relay has its ports towards the server once, however many clients come: that many connections go through, and no more.
// Its two sides are told apart, ss counts the same on each, and client and server have no part in it.
func TestNetNSRelayRunsOutOfPorts(t *testing.T) {
	t.Parallel()
	for _, family := range scenario.Families {
		t.Run(string(family), func(t *testing.T) {
			t.Parallel()
			var client, server int64
			var late error
			s := smallProxy(t, "family="+string(family), "load.hold=300ms", "relay.port=8443")
			got := runTrial(t, s, Options{Watch: func(m Moment) {
				if m.Phase == "hold" && client+server == 0 && late == nil {
					client, server, late = ssSplit(m.Relay.PID, "8443")
				}
			}})
			if late != nil {
				t.Fatal(late)
			}
			r := got.Relay
			if c := got.Connections; c.OK != 500 || c.Failed != 20 || r.Accepted != 520 || *r.Relayed != 500 {
				t.Errorf("connections %+v, the relay took %d and passed on %d", c, r.Accepted, *r.Relayed)
			}
			outOfPorts(t, r)
			if n := outcome(got, "read", ""); n != 20 {
				t.Errorf("%d clients saw an end instead of an answer, want 20: %+v", n, got.Outcomes)
			}
			if a, b := r.Client.States.End[record.TimeWait], r.Server.States.End[record.TimeWait]; a != client || b != server || b != 500 ||
				a < 500 || a > 520 {
				t.Errorf("the relay's sides hold %d and %d TIME_WAIT, ss counts %d and %d", a, b, client, server)
			}
			if a, b := got.Sides.Client.States.End[record.TimeWait], got.Sides.Server.States.End[record.TimeWait]; a+b != 0 {
				t.Errorf("the client holds %d TIME_WAIT and the server %d", a, b)
			}
			if got.Scenario.Struck != "relay" || got.Rate.LimitedBy != byPorts || len(warnings(got)) != 0 {
				t.Errorf("struck %s, limited by %s, warnings %+v", got.Scenario.Struck, got.Rate.LimitedBy, got.Warnings)
			}
		})
	}
}

// outOfPorts wants the 500 ports of the relay to have been taken, as forecast, and no connect() to have succeeded after.
func outOfPorts(t *testing.T, r *record.Relay) {
	t.Helper()
	p := r.Ports[0]
	if p.OKBeforeFirstExhaustion == nil || *p.OKBeforeFirstExhaustion != 500 || p.Successes != 500 || *p.PeakInUse != 500 {
		t.Errorf("500 ports: %+v", p)
	}
	foreseen(t, p, 500)
	want := []record.Outcome{
		{Side: "relay", Cause: string(record.OK), Count: 500},
		{Side: "relay", Phase: "connect", Cause: string(record.AddrNotAvailable), Errno: "EADDRNOTAVAIL", Count: 20},
	}
	if d := cmp.Diff(want, r.Outcomes); d != "" {
		t.Error(d)
	}
}

// What helps has to be done on the relay: tcp_tw_reuse there lets every connection through, on either other host none more.
func TestNetNSRelayReuse(t *testing.T) {
	t.Parallel()
	reuse := []sysctl.Setting{{Key: "net.ipv4.tcp_tw_reuse", Value: "1"}, {Key: "net.ipv4.tcp_tw_reuse_delay", Value: "1"}}
	others := Options{Recipe: Recipe{Client: reuse, Server: reuse}}
	for name, c := range map[string]struct {
		opt Options
		ok  int64
	}{"on the relay": {Options{Relay: reuse}, 520}, "on both others": {others, 500}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runTrial(t, smallProxy(t, "load.rate=500/s"), c.opt)
			if got.Connections.OK != c.ok || got.Connections.Failed != 520-c.ok {
				t.Errorf("connections %+v, want %d to go through", got.Connections, c.ok)
			}
			f := got.Relay.Ports[0].Forecast
			if cured := c.ok == 520; cured != (f.ExhaustedAfter == nil) || cured != (got.Relay.Counters["TcpExt.TWRecycled"] > 0) {
				t.Errorf("forecast %+v, %d reused", f, got.Relay.Counters["TcpExt.TWRecycled"])
			}
		})
	}
}

// The other cures: connections that are kept, more source addresses, and a server that closes first. With a pool the server
// answers many requests on a connection, and none is torn down while the load lasts.
func TestNetNSRelayCures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   []string
		holds record.SidePair[int64] // TIME_WAIT at the end: of the relay towards the server, and of the server
		most  int64                  // connections opened to the server
	}{
		"pool":             {set: []string{"relay.pool=8"}, most: 8},
		"pool, two rounds": {set: []string{"relay.pool=8", "client.requests=2", "payload.response=200KiB"}, most: 8},
		"addresses": {
			set: []string{"relay.addresses=2", "relay.local_port_range=42000-42499"}, holds: record.SidePair[int64]{Client: 520}, most: 520,
		},
		"server first": {set: []string{"relay.close=server"}, most: 520},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runTrial(t, smallProxy(t, c.set...), Options{})
			r := got.Relay
			if got.Connections.OK != 520 || got.Connections.Failed != 0 || *r.Relayed != 520 {
				t.Errorf("connections %+v, passed on %d, outcomes %+v", got.Connections, *r.Relayed, r.Outcomes)
			}
			if n := r.Server.States.End[record.TimeWait]; n != c.holds.Client {
				t.Errorf("the relay holds %d TIME_WAIT towards the server, want %d", n, c.holds.Client)
			}
			var opened int64
			for _, p := range r.Ports {
				opened += p.Successes
				if p.Forecast.ExhaustedAfter != nil && name != "addresses" || p.FirstExhaustionSeconds != nil {
					t.Errorf("%+v", p)
				}
			}
			if opened > c.most || opened == 0 {
				t.Errorf("%d connections were opened to the server, want %d at most", opened, c.most)
			}
			if open := r.Server.States.End[record.Established]; r.Pool > 0 && open != opened || r.Pool == 0 && open != 0 {
				t.Errorf("%d connections to the server stay open of %d", open, opened)
			}
		})
	}
}

// Both ends of a chain of hosts have the client's and the relay's own settings, and only those.
func TestNetNSRelaySettings(t *testing.T) {
	t.Parallel()
	s := smallProxy(t, "load.stop.connections=1", "sysctl.both.net.ipv4.tcp_fin_timeout=31", "sysctl.client.net.ipv4.tcp_fin_timeout=32",
		"close.side=client", "sysctl.client.net.ipv4.tcp_tw_reuse=1", "sysctl.relay.net.ipv4.tcp_timestamps=0")
	got := runTrial(t, s, Options{Relay: []sysctl.Setting{{Key: "net.ipv4.tcp_tw_recycle", Value: "1"}}})
	for host, c := range map[string]struct {
		effective map[string]string
		timeout   string
		ports     string
	}{
		"client": {got.Sides.Client.Sysctls.Effective, "32", "32768\t60999"},
		"server": {got.Sides.Server.Sysctls.Effective, "31", "32768\t60999"},
		"relay":  {got.Relay.Sysctls.Effective, "31", "42000\t42499"},
	} {
		ports := strings.Join(strings.Fields(c.effective["net.ipv4.ip_local_port_range"]), "\t")
		if timeout := c.effective["net.ipv4.tcp_fin_timeout"]; timeout != c.timeout || ports != c.ports {
			t.Errorf("%s: tcp_fin_timeout %s, ports %s", host, timeout, ports)
		}
	}
	// whom the client opens to is the relay, and reuse takes timestamps there
	if f := got.Ports[0].Forecast; f.TakenLeastSeconds != 60 || got.Ports[0].Destination != got.Relay.Addresses[0] {
		t.Errorf("the client's ports: %+v", got.Ports[0])
	}
	if asked := got.Relay.Sysctls.Asked; len(asked) != 1 || asked[0].Outcome != record.SysctlMissing || len(got.Relay.Sysctls.Refused) != 1 {
		t.Errorf("asked for on the relay: %+v", asked)
	}
	_, err := Run(t.Context(), t.Context(), s, Options{
		Program: labtest.Program, Strict: true, Relay: []sysctl.Setting{{Key: "net.ipv4.tcp_tw_recycle", Value: "1"}},
	})
	if err == nil || !strings.Contains(err.Error(), "(on the relay)") {
		t.Errorf("--strict: %v", err)
	}
}

// A relay that dies is named, and all three hosts are gone afterwards.
func TestNetNSRelayKilled(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	s := smallProxy(t, "load.rate=200/s", "load.stop.connections=0")
	var pids []int
	got, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program, Watch: func(m Moment) {
		if m.Relay.TowardsServer > 20 && pids == nil {
			pids = []int{m.PID.Client, m.PID.Server, m.Relay.PID}
			if err := syscall.Kill(m.Relay.PID, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != record.Failed || got.Failure == nil || got.Failure.Side != "relay" || !strings.Contains(got.Failure.Text, "killed") {
		t.Errorf("status %s, failure %+v", got.Status, got.Failure)
	}
	if r := got.Relay; r == nil || r.Accepted == 0 || len(r.Server.Samples) == 0 || r.Server.States.End != nil {
		t.Errorf("what it had told: %+v", r)
	}
	if err := got.Check(); err != nil {
		t.Errorf("the record contradicts itself: %v", err)
	}
	for _, pid := range pids {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
	if len(pids) != 3 {
		t.Errorf("processes %v", pids)
	}
}
