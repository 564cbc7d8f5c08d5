//go:build linux

package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/assay"
	"twomsl/internal/lab"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/recipe"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/report/claims"
)

// mutation is a claim with its mechanism switched: the same test with a setting, an option or a strategy reversed.
type mutation struct {
	id       string
	verdict  string // on Linux 6.18
	switched string // and with the mechanism switched
	parts    map[string]record.Try
}

func reversed(assay string, arguments ...string) record.Try {
	return record.Try{Assay: assay, Arguments: arguments, Set: []string{}, Sysctl: []string{}}
}

func matrix(set ...string) record.Try {
	return record.Try{Scenario: "close-matrix", Set: set, Sysctl: []string{}, Arguments: []string{}}
}

// out is a client that goes on when its 200 ports are taken.
func out(set ...string) record.Try {
	return matrix(append([]string{
		"close.side=client", "close.how=fin", "sysctl.client.net.ipv4.ip_local_port_range=40000 40199", "load.rate=100/s",
		"load.stop.connections=400",
	}, set...)...)
}

// mutations has a row for each claim whose mechanism can be switched in a lab. What is left out: 8 (the kernel has no such
// setting), 23 and conntrack-full (their scenarios and canaries have tests of their own), and all judges have pure tests.
var mutations = []mutation{
	{"1", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"client first": matrix("close.side=client", "close.how=linger=0")}},
	{"2", record.ClaimConditional, record.ClaimTrue, map[string]record.Try{"client first": matrix("close.side=server", "close.how=fin")}},
	{"3", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"reset": matrix("close.side=client", "close.how=fin")}},
	{"4", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"default": reversed("life", "fin_timeout=5", "peer=stays", "sockets=60")}},
	{"5", record.ClaimFalse, record.ClaimTrue, map[string]record.Try{"5": reversed("life", "fin_timeout=5", "peer=stays", "sockets=60")}},
	{"6", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{"on": out("sysctl.client.net.ipv4.tcp_tw_reuse=0")}},
	{"7", record.ClaimFalse, record.ClaimTrue, map[string]record.Try{
		"on": out("sysctl.client.net.ipv4.tcp_tw_reuse=1"), "off": out("sysctl.client.net.ipv4.tcp_tw_reuse=0"),
	}},
	{"9", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{
		"capped": matrix("close.side=client", "close.how=fin", "load.rate=1000/s", "load.stop.connections=1500", "sysctl.client.net.ipv4.tcp_max_tw_buckets=100000"),
	}},
	{"10", record.ClaimFalse, record.ClaimTrue, map[string]record.Try{
		"fresh": matrix("close.side=client", "close.how=fin", "sysctl.client.net.ipv4.tcp_max_tw_buckets=180000"),
	}},
	{"11", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{"wide": {
		Scenario: "port-exhaustion", Sysctl: []string{}, Arguments: []string{},
		Set: []string{"sysctl.client.net.ipv4.ip_local_port_range=40000 40999", "client.local_port_range=40000-40999"},
	}}},
	{"12", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{"1": reversed("syn-queue", "cookies=0")}},
	{"13", record.ClaimConditional, record.ClaimTrue, map[string]record.Try{
		"64": reversed("syn-queue", "cookies=0", "max_syn_backlog=64"), "8192": reversed("syn-queue", "cookies=0", "max_syn_backlog=8192"),
	}},
	{"14", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{"1200": reversed("keepalive", "time=1200", "option=off")}},
	{"15", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{"2": reversed("linger")}},
	{"16", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{"peer closes": matrix("close.side=client", "close.how=half")}},
	{"17", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{"limits": reversed("timeouts", "kernel=off")}},
	{"18", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"together": reversed("fin-ack", "ack=alone")}},
	{"19", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"crossing": matrix("close.side=client", "close.how=fin")}},
	{"20", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"withheld": matrix("close.side=server", "close.how=fin")}},
	{"21", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"leaks": matrix("close.side=server", "close.how=fin")}},
	{"22", record.ClaimConditional, record.ClaimTrue, map[string]record.Try{"client holds": reversed("cliff", "own_range=yes")}},
	{"24", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"default": reversed("conntrack", "timeout=20")}},
	{"25", record.ClaimConditional, record.ClaimFalse, map[string]record.Try{"all": matrix("close.side=client", "close.how=fin", "load.rate=2000/s", "load.stop.connections=6000")}},
	{"26", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"kept": reversed("idle", "keep=no")}},
	{"27", record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"cut": reversed("vanish", "link=up")}},
	{"28", "", record.ClaimFalse, map[string]record.Try{"sctp": reversed("again", "protocol=tcp")}}, // few kernels have SCTP
	{record.PortTupleExhausted, record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"full": reversed("tuple", "fill=none")}},
	{record.ExplicitBindExhausted, record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"bound": {
		Scenario: "explicit-bind", Sysctl: []string{}, Arguments: []string{}, Set: []string{"client.bind_address_no_port=on", "load.stop.after=4s"},
	}}},
	{record.AcceptBacklogFull, record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"full": reversed("accept-queue", "backlog=100")}},
	{record.SynQueueFull, record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"cookies": reversed("syn-queue", "backlog=4096")}},
	{record.DescriptorsExhausted, record.ClaimTrue, record.ClaimFalse, map[string]record.Try{"few": reversed("descriptors", "room=40")}},
}

// Each claim is judged as on Linux 6.18, and otherwise where its mechanism is switched.
func TestNetNSClaimsTurnWithTheirMechanism(t *testing.T) {
	t.Parallel()
	nstest.Require(t) // says whether labs can be made
	at := filepath.Join(bin, "twomsl")
	r := &claimsRun{
		flags: &claimsFlags{jobs: 4, records: t.TempDir()}, live: newLive(nil, true),
		peers:  lab.Program{Path: at, Init: []string{initCommand}, Peer: []string{peerCommand}},
		assays: lab.Program{Path: at, Init: []string{initCommand}, Peer: []string{assayPeer}},
	}
	var straight, turned []claims.Claim
	for _, m := range mutations {
		found, err := claims.Find([]string{m.id})
		if err != nil {
			t.Fatal(err)
		}
		c := found[0]
		straight = append(straight, c)
		c.Tries = slices.Clone(c.Tries)
		for i, p := range c.Tries {
			if other, ok := m.parts[p.Name]; ok {
				c.Tries[i].Try = other
				delete(m.parts, p.Name)
			}
		}
		if len(m.parts) > 0 {
			t.Fatalf("claim %s has no part that is called so: %v", m.id, m.parts)
		}
		turned = append(turned, c)
	}
	tried := r.try(t.Context(), context.Background(), claims.Tries(slices.Concat(straight, turned)))
	if r.first != nil || r.lost != nil {
		t.Fatal(r.first, r.lost)
	}
	for i, m := range mutations {
		if got := straight[i].Judged(tried); got.Verdict != m.verdict && m.verdict != "" {
			t.Errorf("claim %s is %s (%s); expected %s: %v", m.id, got.Verdict, got.Condition, m.verdict, got.Evidence)
		}
		if got := turned[i].Judged(tried); got.Verdict != m.switched {
			t.Errorf("claim %s with its mechanism switched is %s (%s); expected %s: %v", m.id, got.Verdict, got.Condition, m.switched, got.Evidence)
		}
	}
}

// Every claim has a mutation, or a reason not to.
func TestEveryClaimHasAMutation(t *testing.T) {
	without := []string{"8", "23", record.ConntrackFull}
	for _, c := range claims.All() {
		has := slices.ContainsFunc(mutations, func(m mutation) bool { return m.id == c.ID })
		if has == slices.Contains(without, c.ID) {
			t.Errorf("claim %s: has a mutation: %v", c.ID, has)
		}
	}
}

// Ctrl-C keeps what is done: the claims whose tests had ended are judged, the others are not, and nothing goes on.
func TestNetNSClaimsInterrupted(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	c := twomsl(t, "claims", "4", "10", "-q", "-o", "json=claims.json")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	for begin := time.Now(); time.Since(begin) < time.Minute && !ended; time.Sleep(20 * time.Millisecond) {
		found, err := filepath.Glob(filepath.Join(c.Dir, "twomsl-results", "close-matrix-*.json"))
		ended = err == nil && len(found) == 1
	}
	if !ended {
		t.Error("the test of claim 10 never ended")
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	c.Wait() //nolint:errcheck // its exit code is looked at
	if code := exitCode(t, c); code != exitInterrupted {
		t.Errorf("exit code %d, expected %d", code, exitInterrupted)
	}
	got, err := record.ReadClaims(filepath.Join(c.Dir, "claims.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != record.Interrupted || got.Asked != 2 || len(got.Claims) != 1 || got.Claims[0].ID != "10" {
		t.Errorf("%s, %d claims of %d: %+v", got.Status, len(got.Claims), got.Asked, got.Claims)
	}
}

// What a claim tells its reader to run is in the library.
func TestClaimsNameScenarios(t *testing.T) {
	for _, c := range claims.All() {
		if c.Scenario == "" {
			continue
		}
		if _, err := scenario.Find(c.Scenario); err != nil {
			t.Errorf("claim %s: %v", c.ID, err)
		}
	}
}

// What a claim asks for can be run: every scenario is there and takes what is set, every assay its arguments.
func TestTriesCanBeRun(t *testing.T) {
	var lines []claims.Setting
	for _, name := range recipe.Files() {
		data, _ := recipe.Conf(name)
		settings, err := sysctl.Parse(name, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range settings {
			lines = append(lines, claims.Setting{Key: s.Key, Value: s.Value})
		}
	}
	r := &claimsRun{flags: &claimsFlags{}}
	for _, try := range append(claims.Tries(claims.All()), claims.LineTries(claims.Lines(lines))...) {
		switch {
		case try.Assay != "":
			if err := assay.Check(try); err != nil {
				t.Error(err)
			}
		default:
			if one, err := r.trial(try); err != nil || !strings.HasPrefix(one.Options.Command, "twomsl run "+try.Scenario) {
				t.Errorf("%+v: %v, %q", try, err, one.Options.Command)
			}
		}
	}
}
