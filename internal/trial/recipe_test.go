//go:build linux

package trial

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

func outcomes(asked []record.SysctlAsked) (out []string) {
	for _, q := range asked {
		out = append(out, q.Key[strings.LastIndexByte(q.Key, '.')+1:]+" "+q.Outcome)
	}
	return out
}

// A recipe is written on its own side, after the scenario's settings and over them, in either family; the forecast goes by
// what is in force then. A line that cannot be had stops nothing, though the scenario insists on its own.
func TestNetNSRecipe(t *testing.T) {
	for _, family := range []string{"ipv4", "ipv6"} {
		s := start(t, "port-exhaustion-small", "load.stop.after=200ms", "family="+family)
		got := runTrial(t, s, Options{Recipe: Recipe{
			Client: []sysctl.Setting{
				{Key: "net.ipv4.tcp_tw_reuse", Value: "1"},
				{Key: "net.ipv4.ip_local_port_range", Value: "20000\t20999"},
				{Key: "net.ipv4.tcp_tw_recycle", Value: "1"},
				{Key: "net.ipv4.tcp_tw_reuse_delay", Value: "0"},
			},
			Server: []sysctl.Setting{{Key: "net.ipv4.tcp_timestamps", Value: "1"}},
		}})
		client, server := got.Sides.Client.Sysctls, got.Sides.Server.Sysctls
		want := []string{"tcp_tw_reuse changed", "ip_local_port_range changed", "tcp_tw_recycle missing", "tcp_tw_reuse_delay refused"}
		if o := outcomes(client.Asked); !slices.Equal(o, want) {
			t.Errorf("%s, client: %q", family, o)
		}
		if o := outcomes(server.Asked); !slices.Equal(o, []string{"tcp_timestamps already-set"}) {
			t.Errorf("%s, server: %q", family, o)
		}
		if len(client.Refused) != 2 || len(server.Refused) != 0 || len(server.Changed) != 0 {
			t.Errorf("%s: refused %+v and %+v, changed on the server %+v", family, client.Refused, server.Refused, server.Changed)
		}
		wantChanged := []record.SysctlChange{
			{Key: "net.ipv4.ip_local_port_range", Default: "32768 60999", Asked: "20000 20999", Value: "20000 20999"},
			{Key: "net.ipv4.tcp_tw_reuse", Default: "2", Asked: "1", Value: "1"},
		}
		if !slices.Equal(client.Changed, wantChanged) {
			t.Errorf("%s: changed %+v", family, client.Changed)
		}
		if r := got.Ports[0].Range; r.Low != 20000 || r.High != 20999 {
			t.Errorf("%s: the forecast is of %+v", family, r)
		}
		if f := got.Ports[0].Forecast; f.TakenMostSeconds != 1 || f.ExhaustedAfter != nil {
			t.Errorf("%s: %+v: tcp_tw_reuse is not in it", family, f)
		}
	}
}

// With Strict nothing is opened where a line cannot be had; a line that is marked may be missing.
func TestNetNSStrictRecipe(t *testing.T) {
	nstest.Require(t)
	s := start(t, "port-exhaustion-small", "load.stop.after=200ms")
	gone := sysctl.Setting{Key: "net.ipv4.tcp_tw_recycle", Value: "1", File: "x.conf", LineNo: 3}
	marked := gone
	marked.Optional = true
	for name, c := range map[string]struct {
		recipe Recipe
		want   []string
	}{
		"both sides": {Recipe{Client: []sysctl.Setting{gone}, Server: []sysctl.Setting{gone}}, []string{"x.conf:3: net.ipv4.tcp_tw_recycle = 1: gone"}},
		"two lines": {Recipe{
			Client: []sysctl.Setting{gone, {Key: "net.ipv4.tcp_tw_reuse", Value: "9"}}, Server: []sysctl.Setting{marked},
		}, []string{"(on the client)", "tcp_tw_reuse = 9: the kernel does not take"}},
		"marked": {Recipe{Client: []sysctl.Setting{marked}}, nil},
	} {
		got, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program, Recipe: c.recipe, Strict: true})
		var strict *StrictError
		if c.want == nil {
			if err != nil || got.Status != record.Complete {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.As(err, &strict) || got != nil || len(strict.Problems) != len(c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q is not in %v", name, w, err)
			}
		}
	}
}

// In one namespace a recipe is written once, and each side is told of its own part.
func TestNetNSRecipeInOneNamespace(t *testing.T) {
	s := start(t, "port-exhaustion-small", "load.stop.after=200ms", "topology=loopback", "sysctl.server.net.core.somaxconn=99")
	reuse := sysctl.Setting{Key: "net.ipv4.tcp_tw_reuse", Value: "0"}
	got := runTrial(t, s, Options{Recipe: Recipe{
		Client: []sysctl.Setting{reuse, {Key: "net.ipv4.tcp_fin_timeout", Value: "7"}},
		Server: []sysctl.Setting{reuse, {Key: "net.ipv4.tcp_tw_recycle", Value: "1"}},
	}})
	client, server := got.Sides.Client.Sysctls, got.Sides.Server.Sysctls
	if o := outcomes(client.Asked); !slices.Equal(o, []string{"tcp_tw_reuse changed", "tcp_fin_timeout changed"}) {
		t.Errorf("client: %q", o)
	}
	if o := outcomes(server.Asked); !slices.Equal(o, []string{"tcp_tw_reuse changed", "tcp_tw_recycle missing"}) {
		t.Errorf("server: %q", o)
	}
	if len(client.Changed) != 4 || !slices.Equal(client.Changed, server.Changed) {
		t.Errorf("changed: %+v and %+v", client.Changed, server.Changed)
	}
	if len(client.Refused) != 0 || len(server.Refused) != 1 {
		t.Errorf("refused: %+v and %+v", client.Refused, server.Refused)
	}
	if server.Effective["net.ipv4.tcp_fin_timeout"] != "7" || client.Effective["net.core.somaxconn"] != "99" {
		t.Error("not both sides' settings are in force")
	}
}

func TestCheckRecipe(t *testing.T) {
	key := "net.ipv4.tcp_tw_reuse"
	differ := Recipe{
		Client: []sysctl.Setting{{Key: key, Value: "1"}, {Key: "net.core.somaxconn", Value: "5"}},
		Server: []sysctl.Setting{{Key: "net/ipv4/tcp_tw_reuse", Value: "0"}, {Key: "net.core.somaxconn", Value: "05"}},
	}
	for topology, wrong := range map[scenario.Topology]bool{
		scenario.Veth: false, scenario.Loopback: true, scenario.Host: true, "": false,
	} {
		err := CheckRecipe(topology, differ)
		if (err != nil) != wrong || wrong && (!strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "somaxconn")) {
			t.Errorf("%s: %v", topology, err)
		}
	}
}

// A host lends nothing to a run that nobody has accepted the risk of.
func TestNetNSHostNeedsAcceptance(t *testing.T) {
	nstest.Require(t)
	s := start(t, "port-exhaustion-small", "load.stop.after=200ms", "topology=host")
	recipe := Recipe{Client: []sysctl.Setting{{Key: "net.ipv4.tcp_tw_reuse", Value: "1"}}}
	if _, err := Run(t.Context(), t.Context(), s, Options{Program: labtest.Program, Recipe: recipe}); err == nil {
		t.Error("the host's settings were changed")
	}
	if v, err := sysctl.Read(sysctl.DefaultRoot, "net.ipv4.tcp_tw_reuse"); err != nil || v != "2" {
		t.Errorf("tcp_tw_reuse is %q, %v", v, err)
	}
}

// The life of an orphaned FIN_WAIT2 is what its timer shows: tcp_fin_timeout. Above a minute no timer shows it; where none
// stood there is none.
func TestNetNSFinWait2Seconds(t *testing.T) {
	for _, c := range []struct {
		how, timeout string
		least, most  float64 // 0: not measured
	}{
		{"leak", "5", 4.5, 5.3},
		{"leak", "", 59, 60.5},
		{"leak", "90", 0, 0},
		{"fin", "5", 0, 0},
	} {
		s := start(t, "close-matrix", "close.how="+c.how, "load.stop.connections=50")
		var recipe []sysctl.Setting
		if c.timeout != "" {
			recipe = []sysctl.Setting{{Key: "net.ipv4.tcp_fin_timeout", Value: c.timeout}}
		}
		// The client keeps its connections open, so that the server's end in FIN_WAIT2.
		got := runTrial(t, s, Options{Recipe: Recipe{Server: recipe}}).Sides.Server.TimeWait.FinWait2Seconds
		switch {
		case c.most == 0 && got != nil:
			t.Errorf("%s, %q: %v s", c.how, c.timeout, *got)
		case c.most > 0 && (got == nil || *got < c.least || *got > c.most):
			t.Errorf("%s, %q: %v; want %v to %v", c.how, c.timeout, got, c.least, c.most)
		case got != nil:
			t.Logf("%s, %q: %v s", c.how, c.timeout, *got)
		}
	}
}
