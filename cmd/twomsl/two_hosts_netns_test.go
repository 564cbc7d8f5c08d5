//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"twomsl/internal/record"
)

// Two hosts that only the public commands drive come to what the lab comes to, in every exact metric.
func TestNetNSTwoHostsAreTheLab(t *testing.T) {
	p := twoHosts(t)
	w := p.serve(t, "--accept-risk=host-sysctl", "--journal", "server-journal")
	for _, flags := range [][]string{
		{"port-exhaustion-small", "--for", "50s", "--set", "load.stop.connections=1400", "--set", "load.hold=4s"},
		append([]string{"steady-200", "--set", "load.stop.connections=400", "--set", "load.hold=4s"}, portsInTurn...),
		{"steady-200", "--set", "load.stop.connections=400", "--set", "close.linger=0", "--set", "load.hold=4s"},
	} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			runtime.LockOSThread() // Enter is of this goroutine's thread, which ends with it
			from := t.TempDir()
			c := p.run(t, w, append(flags, "--accept-risk=host-sysctl", "--journal", "client-journal", "--records", filepath.Join(from, "hosts"))...)
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, w.stderr.String())
			}
			l := twomsl(t, append([]string{"run", "-q", "--records", filepath.Join(from, "lab")}, flags...)...)
			if out, err := l.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			hosts, whole := onlyRecord(t, filepath.Join(from, "hosts")), onlyRecord(t, filepath.Join(from, "lab"))
			if h := hosts.Hosts; h == nil || h.Others.Client == nil || *h.Others.Client != 0 || h.Others.Server == nil || *h.Others.Server != 0 ||
				h.Clock.RoundTrips == 0 || h.Clock.UncertaintyUS <= 0 || h.Environment.Kernel == "" {
				t.Errorf("the record says of the hosts: %+v", h)
			}
			// What is another host's, or only a lab's, is as it must be.
			hosts.Scenario, hosts.Sides.Client.Addresses = whole.Scenario, whole.Sides.Client.Addresses
			for i := range hosts.Ports {
				hosts.Ports[i].Source, hosts.Ports[i].Destination, hosts.Ports[i].Port = whole.Ports[i].Source, whole.Ports[i].Destination, whole.Ports[i].Port
			}
			sameCounts(t, whole, hosts)
		})
	}
	for _, name := range []string{"server-journal", "client-journal"} {
		if _, err := os.Stat(filepath.Join(p.dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", name, err)
		}
	}
}

// A server whose clock is hours apart (time_namespaces(7)) samples on the client's axis all the same.
func TestNetNSTwoHostsClocksApart(t *testing.T) {
	if _, err := os.Stat("/proc/self/ns/time"); err != nil {
		t.Skipf("this kernel has no time namespaces (Linux 5.6, CONFIG_TIME_NS): %v", err)
	}
	p := twoHosts(t)
	p.server.Enter(t)
	c := exec.Command("unshare", append([]string{"--time", "--monotonic", "36000", "--fork", "--kill-child", filepath.Join(bin, "twomsl")}, p.serverArgs()...)...)
	w := p.started(t, c)
	run := p.run(t, w, append([]string{"steady-200", "--set", "load.stop.connections=200"}, portsInTurn...)...)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, w.stderr.String())
	}
	r := onlyRecord(t, filepath.Join(p.dir, "records"))
	for name, s := range map[string]*record.Side{"client": &r.Sides.Client, "server": &r.Sides.Server} {
		for _, one := range s.Samples {
			if most := 1e3 * (r.Phases.LoadSeconds + 60); one.AtMS < 0 || one.AtMS > most {
				t.Errorf("a sample of the %s at %.0f ms, of a load of %.1f s", name, one.AtMS, r.Phases.LoadSeconds)
			}
		}
		if len(s.Samples) == 0 {
			t.Errorf("no sample of the %s", name)
		}
	}
	if n := r.Sides.Server.States.End[record.TimeWait]; n != 200 {
		t.Errorf("%d TIME_WAIT on the server", n)
	}
}

// Settings are back when a session is over, also where its client was killed; the server keeps a record of its side.
func TestNetNSTwoHostsClientVanishes(t *testing.T) {
	p := twoHosts(t)
	w := p.serve(t, "--accept-risk=host-sysctl", "--journal", "server-journal")
	const key = "/proc/sys/net/ipv4/tcp_fin_timeout"
	c := p.run(t, w, "steady-200", "--for", "60s", "--sysctl", "server:net.ipv4.tcp_fin_timeout=17")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.server.Enter(t)
	await(t, "the setting is lent", func() bool { return setting(t, key) == "17" })
	await(t, "the load goes on", func() bool { return accepted(t) > 100 })
	c.Process.Kill() //nolint:errcheck // it runs
	c.Wait()         //nolint:errcheck // killed
	await(t, "the setting is back", func() bool { return setting(t, key) == "60" })
	files := func() []string {
		found, err := filepath.Glob(filepath.Join(p.dir, "server-records", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	await(t, "the server keeps a record", func() bool { return len(files()) == 1 })
	r, err := record.Read(files()[0])
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != record.Failed || r.Failure == nil || r.Failure.Side != "client" || r.Sides.Client.Absent == "" ||
		r.Connections.Attempted < 90 || r.Sides.Server.Counters == nil {
		t.Errorf("the server's record: %s %+v, client absent %q, %+v", r.Status, r.Failure, r.Sides.Client.Absent, r.Connections)
	}
	// Another one is let in, and the load's port is not taken any more.
	if out, err := p.run(t, w, "steady-200", "--for", "500ms").CombinedOutput(); err != nil {
		t.Errorf("after it: %v\n%s", err, out)
	}
}

func setting(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// accepted is the namespace's Tcp.PassiveOpens.
func accepted(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/net/snmp", syscall.Gettid()))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	for i, l := range lines {
		if names := strings.Fields(l); strings.HasPrefix(l, "Tcp: ") && names[1] != "1" {
			for n, name := range names {
				if name == "PassiveOpens" {
					v, _ := strconv.Atoi(strings.Fields(lines[i+1])[n])
					return v
				}
			}
		}
	}
	t.Fatal("no PassiveOpens")
	return 0
}

// A server that is gone leaves the client with what it had measured.
func TestNetNSTwoHostsServerVanishes(t *testing.T) {
	p := twoHosts(t)
	w := p.serve(t)
	c := p.run(t, w, "steady-200", "--for", "60s")
	var out said
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.server.Enter(t)
	await(t, "the load goes on", func() bool { return accepted(t) > 100 })
	w.Process.Kill() //nolint:errcheck // it runs
	if err := c.Wait(); codeOf(c.ProcessState) != exitFailed {
		t.Errorf("%v", err)
	}
	r := onlyRecord(t, filepath.Join(p.dir, "records"))
	if r.Status != record.Failed || r.Failure == nil || r.Failure.Side != "server" || !strings.Contains(r.Failure.Text, "is gone") ||
		r.Connections.Attempted < 90 || r.Sides.Client.States.Peak == nil {
		t.Errorf("%s %+v %+v\n%s", r.Status, r.Failure, r.Connections, out.String())
	}
}

// A comparison over two hosts, and a gate: each trial has a session of its own, and counts nothing of those before.
func TestNetNSTwoHostsCompareAndGate(t *testing.T) {
	p := twoHosts(t)
	w := p.serve(t)
	far := []string{"--server", w.at, "--token-file", "token", "--accept-risk=host-ports", "--records", "records", "-q"}
	p.client.Enter(t)
	c := twomsl(t, append([]string{
		"compare", "steady-200", "--set", "load.stop.connections=100", "--variant", "theirs=close.side=server", "--before", "default",
		"--trials", "2", "-o", "json=c.json",
	}, far...)...)
	c.Dir = p.dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, w.stderr.String())
	}
	r, err := record.ReadComparison(filepath.Join(p.dir, "c.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]float64{"client.time_wait.peak": {100, 0}, "server.time_wait.peak": {0, 100}} {
		at := slices.IndexFunc(r.Metrics, func(m record.Metric) bool { return m.Name == name })
		if m := r.Metrics[at]; m.Before == nil || m.After == nil || *m.Before != want[0] || *m.After != want[1] {
			t.Errorf("%s: %+v, want %v", name, m, want)
		}
	}
	p.goesOn(t, w)
	for limit, code := range map[string]int{"server.time_wait.peak <= 0": exitDone, "client.time_wait.peak <= 99": exitRegression} {
		plan := "scenarios:\n  - scenario: steady-200\n    set: [load.stop.connections=100]\n    budgets: [" + strconv.Quote(limit) + "]\n"
		if err := os.WriteFile(filepath.Join(p.dir, "plan.yaml"), []byte(plan), 0o600); err != nil {
			t.Fatal(err)
		}
		g := twomsl(t, append([]string{"gate", "plan.yaml", "--trials", "2"}, far...)...)
		g.Dir = p.dir
		if out, _ := g.CombinedOutput(); codeOf(g.ProcessState) != code {
			t.Errorf("%s: %v, want %d\n%s", limit, g.ProcessState, code, out)
		}
	}
}

// goesOn takes a trial's record away and has the comparison run it again, which takes what it took at first.
func (p *pairOfHosts) goesOn(t *testing.T, w *waiting) {
	t.Helper()
	comparisons, err := filepath.Glob(filepath.Join(p.dir, "records", "compare-*.json"))
	if err != nil || len(comparisons) != 1 {
		t.Fatal(comparisons, err)
	}
	trials, err := filepath.Glob(filepath.Join(p.dir, "records", "steady-200-*.json"))
	if err != nil || len(trials) != 4 {
		t.Fatal(trials, err)
	}
	if err := os.Remove(trials[1]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags []string
		code  int
		says  string
	}{
		{nil, exitUsage, "name it with --server"},
		{[]string{"--server", w.at, "--token-file", "token"}, exitRefused, "--accept-risk=host-ports"},
		{[]string{"--server", w.at, "--token-file", "token", "--accept-risk=host-ports"}, exitDone, "2 + 2 trials"},
	} {
		again := twomsl(t, append([]string{"compare", "-q", "--resume", comparisons[0]}, c.flags...)...)
		again.Dir = p.dir
		if out, _ := again.CombinedOutput(); codeOf(again.ProcessState) != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%v: %v, want %d and %q\n%s", c.flags, again.ProcessState, c.code, c.says, out)
		}
	}
}

// Who comes to the load's port and is no client is counted where it was seen, and harms no figure of the client's.
func TestNetNSTwoHostsStrangers(t *testing.T) {
	p := twoHosts(t)
	w := p.serve(t)
	c := p.run(t, w, "steady-200", "--set", "load.stop.connections=300")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.server.Enter(t)
	await(t, "the load goes on", func() bool { return accepted(t) > 30 })
	p.client.Enter(t)
	for range 3 {
		g, err := net.Dial("tcp", netip.AddrPortFrom(p.there, 8080).String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(g, strings.Repeat("GET / HTTP/1.1\r\n", 10)) //nolint:errcheck // it may be refused half way
		io.Copy(io.Discard, g)                                      //nolint:errcheck // until it is ended
		g.Close()
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, w.stderr.String())
	}
	r := onlyRecord(t, filepath.Join(p.dir, "records"))
	wrong := int64(0)
	for _, o := range r.Outcomes {
		if o.Side == "server" && o.Cause == string(record.WrongBytes) {
			wrong += o.Count
		}
	}
	if r.Connections.OK != 300 || r.Connections.Failed != 0 || wrong != 3 || r.Bytes.Lost != nil || r.Environment.Unmeasured["bytes.lost"] == "" {
		t.Errorf("%+v, %d with wrong bytes at the server, bytes %+v", r.Connections, wrong, r.Bytes)
	}
}
