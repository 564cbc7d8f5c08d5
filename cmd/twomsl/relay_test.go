package main

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// What is for the relay goes there alone; what names no side goes to all three.
func TestRecipeForRelay(t *testing.T) {
	f := recipeOf(t, "--sysctl", "a.x=1", "--sysctl", "relay:a.y=2", "--sysctl", "client:a.x=3", "--sysctl", "both:a.z=4")
	got, err := f.settings()
	if err != nil {
		t.Fatal(err)
	}
	want := []sysctl.Setting{{Key: "a.x", Value: "1"}, {Key: "a.y", Value: "2"}, {Key: "a.z", Value: "4"}}
	if d := cmp.Diff(want, f.relay); d != "" {
		t.Error(d)
	}
	for _, s := range slices.Concat(got.Client, got.Server) {
		if s.Key == "a.y" {
			t.Errorf("what is for the relay is written elsewhere: %+v", got)
		}
	}
	if err := f.forRelay(scenario.Scenario{Relay: &scenario.Relay{}}); err != nil {
		t.Error(err)
	}
	var e *exitError
	if err := f.forRelay(scenario.Scenario{}); !errors.As(err, &e) || e.code != exitUsage || !strings.Contains(err.Error(), "--sysctl relay:a.y=2") {
		t.Errorf("a relay's setting without a relay: %v", err)
	}
	if err := recipeOf(t, "--sysctl", "a.x=1").forRelay(scenario.Scenario{}); err != nil {
		t.Errorf("a setting for all: %v", err)
	}
}

// A variant has a list for the relay of a scenario that has one, in which --set comes last.
func TestVariantsForRelay(t *testing.T) {
	base, err := scenario.Find("proxy-exhaustion")
	if err != nil {
		t.Fatal(err)
	}
	f := compareFlags{variants: []string{"one=relay:net.ipv4.tcp_tw_reuse=1", "two=net.ipv4.tcp_fin_timeout=9"}}
	all, err := f.named()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.settle(all, base, sides{}); err != nil {
		t.Fatal(err)
	}
	key := func(list []record.VariantSetting) (out []string) {
		for _, s := range list {
			out = append(out, s.Key+"="+s.Value)
		}
		return out
	}
	for i, want := range []string{"net.ipv4.tcp_tw_reuse=1", "net.ipv4.tcp_fin_timeout=9"} {
		v := all[i]
		if got := key(v.Relay); !slices.Equal(got, []string{want}) || len(v.Sysctl.Client) != i {
			t.Errorf("%s: relay %v, client %v", v.Name, got, v.Sysctl.Client)
		}
		command := commandOf(&record.Comparison{Scenario: record.Scenario{Name: "x"}}, &v.Variant)
		if !strings.Contains(command, "--sysctl relay:"+want) {
			t.Errorf("%s: %s", v.Name, command)
		}
	}
	plain, err := scenario.Find("port-exhaustion-small")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.settle(all, plain, sides{}); err == nil || !strings.Contains(err.Error(), "one: the scenario has no relay") ||
		strings.Contains(err.Error(), "two:") || all[1].Relay != nil {
		t.Errorf("without a relay: %v, %v", err, all[1].Relay)
	}
	f.byLine = true
	if err := f.settle(all, base, sides{}); err == nil || !strings.Contains(err.Error(), "--variant reuse=relay:") {
		t.Errorf("line by line: %v", err)
	}
}

// A relay that is killed takes the run along with exit code 1, is named in the record, and leaves nothing behind.
func TestNetNSRelayKilled(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	o := goOut(t, "proxy-exhaustion", "--for", "60s", "--set", "relay.pool=64", "-o", "json")
	pid := o.find("relay")
	o.wait("load", func() (int, bool) {
		n := len(o.namespaceSeen())
		return n, n >= 5 // the played host's, the lab's, and each of the three hosts'
	})
	o.signal(pid, syscall.SIGKILL)
	if code := o.end(); code != exitFailed {
		t.Errorf("exit code %d\n%s", code, o.stderr.String())
	}
	o.noPanic()
	o.nothingLeft()
	if told := o.stdout.String() + o.stderr.String(); !strings.Contains(told, "the relay's process has ended: signal: killed") {
		t.Errorf("nobody is told that the relay has died:\n%s", told)
	}
	if rs := o.records(); len(rs) > 0 && (rs[0].Status != record.Failed || rs[0].Failure.Side != "relay") {
		t.Errorf("the record says %s: %+v", rs[0].Status, rs[0].Failure)
	}
}

// namespaceSeen are the network namespaces that the run has had so far.
func (o *outing) namespaceSeen() (out []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for ns := range o.namespaces {
		out = append(out, ns)
	}
	return out
}
