//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/report/compare"
)

// portsInTurn makes the server close first, and no port come twice. connect() may pick a port again that its server's
// TIME_WAIT still has: where several labs call it at once, one's late write sets the others back to ports they had
// (table_perturb in __inet_hash_connect() is the machine's, not the namespace's). No other connection is given one of these.
var portsInTurn = []string{"--set", "close.side=server", "--set", "client.bind=20000-20999"}

// Four shares of a run, each carried out in a lab of its own and merged, come to what one machine comes to that does it all.
func TestNetNSFourShardsAreTheWhole(t *testing.T) {
	t.Parallel()
	nstest.Require(t) // the programs run outside; this says whether they can
	for name, flags := range map[string][]string{
		"the client's ports run out": {"--set", "sysctl.client.net.ipv4.ip_local_port_range=40000 40049"},
		"the server closes first":    portsInTurn,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			run := func(more ...string) {
				c := twomsl(t, slices.Concat([]string{
					"run", "steady-200", "--set", "client.addresses=4", "--set", "load.stop.connections=300", "--set", "load.hold=4s", "-q",
				}, flags, more)...)
				c.Dir = dir
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", c.Args, err, out)
				}
			}
			run("--records", "whole")
			for k := range 4 {
				run("--records", "shards", "--shard", fmt.Sprintf("%d/4", k+1))
			}
			c := twomsl(t, "report", "--merge", "shards", "--records", "merged", "-o", "html=merged.html", "-o", "json")
			c.Dir = dir
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			sameCounts(t, onlyRecord(t, filepath.Join(dir, "whole")), onlyRecord(t, filepath.Join(dir, "merged")))
		})
	}
}

func onlyRecord(t *testing.T, dir string) *record.Trial {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s has %v, %v", dir, files, err)
	}
	r, err := record.Read(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shownByClocks are metrics that are called exact and are times, with the least that each can be here: connection 200 is the
// first that finds no port, and is not due before 1 s; a TIME_WAIT that was just made is looked at.
var shownByClocks = map[string]float64{"first_exhaustion_seconds": 1, "time_wait_seconds": 55}

// inPassing tells that the client keeps nothing: how many ports a sample finds in use is then chance.
func inPassing(t *record.Trial) bool {
	return t.Scenario.CloseSide == "server" || t.Scenario.Linger == "0"
}

// sameCounts holds every exact metric, and every other count, of the two against each other.
func sameCounts(t *testing.T, whole, merged *record.Trial) {
	t.Helper()
	c := compare.Build(record.Comparison{
		ID: "c", Status: record.Complete,
		Plan:     record.Plan{Level: 0.05, Interleaved: true, Jobs: 1, Primary: []string{"failed"}},
		Variants: []record.Variant{{Name: "whole"}, {Name: "merged"}},
		Trials:   []record.ComparedTrial{{Variant: "whole", ID: whole.ID}, {Variant: "merged", ID: merged.ID, Round: 0}},
	}, []*record.Trial{whole, merged})
	exact := 0
	for _, m := range c.Metrics {
		if !m.Exact {
			continue
		}
		exact++
		before, after := m.Details.Before, m.Details.After
		if m.Name == "ports.peak_share" && inPassing(whole) {
			continue
		}
		if least, clock := shownByClocks[m.Name]; clock && m.Before != nil && m.After != nil {
			if *m.Before < least || *m.After < least {
				t.Errorf("%s: %v of the whole, %v merged, both at least %v", m.Name, *m.Before, *m.After, least)
			}
			continue
		}
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("%s, whole and merged:\n%s", m.Name, d)
		}
	}
	if exact < 15 {
		t.Errorf("only %d exact metrics were compared", exact)
	}
	for what, pair := range map[string][2]any{
		"outcomes": {byKind(whole), byKind(merged)}, "bytes": {whole.Bytes, merged.Bytes}, "tuples": {tuplesOf(whole), tuplesOf(merged)},
		"connections":         {untimed(whole), untimed(merged)},
		"the client's states": {whole.Sides.Client.States.End, merged.Sides.Client.States.End},
		"the server's TIME_WAIT": {
			whole.Sides.Server.States.End[record.TimeWait], merged.Sides.Server.States.End[record.TimeWait],
		},
		"the client's ledger": {whole.Ledger.Client, merged.Ledger.Client}, "the server's ledger": {whole.Ledger.Server, merged.Ledger.Server},
		"how they closed": {whole.Close.Agrees, merged.Close.Agrees}, "the client's addresses": {whole.Sides.Client.Addresses, merged.Sides.Client.Addresses},
		"what was asked for": {string(whole.Scenario.Spec), string(merged.Scenario.Spec)}, "the rate": {whole.Rate.AskedPerSecond, merged.Rate.AskedPerSecond},
		"connects timed": {whole.Latency.Connect.Count, merged.Latency.Connect.Count},
	} {
		if d := cmp.Diff(pair[0], pair[1]); d != "" {
			t.Errorf("%s, whole and merged:\n%s", what, d)
		}
	}
	for _, name := range []string{"TcpExt.TW", "Tcp.ActiveOpens", "Tcp.PassiveOpens", "Tcp.AttemptFails", "Tcp.OutRsts"} {
		a, b := whole.Sides, merged.Sides
		if a.Client.Counters[name] != b.Client.Counters[name] || a.Server.Counters[name] != b.Server.Counters[name] {
			t.Errorf("%s: %d and %d of the whole, %d and %d merged", name, a.Client.Counters[name], a.Server.Counters[name],
				b.Client.Counters[name], b.Server.Counters[name])
		}
	}
}

// untimed are the counts that no timing decides.
func untimed(t *record.Trial) record.Connections {
	c := t.Connections
	c.Late = 0
	return c
}

func byKind(t *record.Trial) map[record.Outcome]int64 {
	out := map[record.Outcome]int64{}
	for _, o := range t.Outcomes {
		n := o.Count
		o.Count = 0
		out[o] += n
	}
	return out
}

// tuplesOf are the tuples in their order, with what was counted on each.
func tuplesOf(t *record.Trial) (out []string) {
	for _, p := range t.Ports {
		peak := *p.PeakInUse
		if inPassing(t) {
			peak = 0
		}
		out = append(out, fmt.Sprintf("%s -> %s:%d: %d, %d ports at the peak, %v, %s before the first without one", p.Source,
			p.Destination, p.Port, p.Successes, peak, p.Range, number(p.OKBeforeFirstExhaustion)))
	}
	return out
}

func number(n *int64) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

// Shards that meet one server on another host: what each has of its own is added up, and what the server's host counted for all
// of them is taken once.
func TestNetNSShardsOnOneServer(t *testing.T) {
	const of, each = 3, 60
	p := twoHosts(t)
	w := p.serve(t, "--sessions", fmt.Sprint(of))
	// Far enough ahead that all are there by then, also where the machine is busy: who is not says so, and changes no count.
	at := time.Now().Add(8 * time.Second).UTC().Format(time.RFC3339)
	var all []*exec.Cmd
	var said []*bytes.Buffer
	for k := range of {
		c := p.run(t, w, "steady-200", "--set", fmt.Sprintf("load.stop.connections=%d", of*each), "--set", "load.hold=1s",
			"--shard", fmt.Sprintf("%d/%d", k+1, of), "--start-at", at)
		out := &bytes.Buffer{}
		c.Stdout, c.Stderr = out, out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all, said = append(all, c), append(said, out)
	}
	for k, c := range all {
		if err := c.Wait(); err != nil {
			t.Errorf("shard %d: %v\n%s", k+1, err, said[k])
		}
	}
	m := twomsl(t, "report", "--merge", filepath.Join(p.dir, "records"), "--records", filepath.Join(p.dir, "merged"))
	if out, err := m.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, w.stderr.String())
	}
	got := onlyRecord(t, filepath.Join(p.dir, "merged"))
	if c := got.Connections; c.Attempted != of*each || c.OK != of*each || len(got.Merged.Missing) > 0 || len(got.Ports) != of {
		t.Errorf("%+v on %d tuples, %v missing", c, len(got.Ports), got.Merged.Missing)
	}
	if h := got.Hosts; h == nil || h.Others.Client == nil || h.Others.Server == nil || *h.Others.Client != 0 || *h.Others.Server != 0 {
		t.Errorf("the record says of the hosts: %+v", h)
	}
	if tw := got.Sides.Client; tw.States.End[record.TimeWait] != of*each || *tw.TimeWait.Peak != of*each || *got.Sides.Server.TimeWait.Peak != 0 {
		t.Errorf("client %+v, server %+v", tw.TimeWait, got.Sides.Server.TimeWait)
	}
	for what, n := range map[string]int64{
		"TcpExt.TW": got.Sides.Client.Counters["TcpExt.TW"], "Tcp.ActiveOpens": got.Sides.Client.Counters["Tcp.ActiveOpens"],
		"Tcp.PassiveOpens": got.Sides.Server.Counters["Tcp.PassiveOpens"], "what the ledger has entered": orNone(got.Ledger.Client.Entered),
	} {
		if n != of*each {
			t.Errorf("%s: %d, want %d: once for the host, not once for each shard", what, n, of*each)
		}
	}
	if got.Sides.Server.HostID == "" || got.Sides.Server.HostID == got.Sides.Client.HostID {
		t.Errorf("the client's host is %q, the server's %q", got.Sides.Client.HostID, got.Sides.Server.HostID)
	}
	for _, warning := range got.Warnings {
		if warning.Code == "host-not-quiet" || warning.Code == "host-shared" {
			t.Errorf("shards are taken for others: %+v", warning)
		}
	}
}

func orNone(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}
