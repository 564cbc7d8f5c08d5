//go:build linux

package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/paste"
	"twomsl/internal/record"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
)

func TestScaleFlag(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]scaleFlag{"0.1": 0.1, "10%": 0.1, " 50 % ": 0.5, "2": 2, "1e-3": 0.001} {
		var s scaleFlag
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "NaN", "Inf", "1001", "ten", "10%%", "%"} {
		var s scaleFlag
		if err := s.Set(text); err == nil || !strings.Contains(err.Error(), "is no scale") {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

// wide is a machine with room for what the lab itself bounds.
var wide = room{descriptors: mostDescriptors, memory: 1 << 40, timeWait: mostTimeWait, ownPorts: 28_232}

// What cannot stand is refused with the largest scale that can: that one stands, and one of a hundredth more does not.
func TestRoom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		room  room
		asked record.Counts
		says  string // "" where it can stand
	}{
		"four incidents' worth": {wide, record.Counts{record.TimeWait: 72_488, record.Established: 280, record.SynRecv: 1392}, ""},
		"as many as there may be": {wide, record.Counts{
			record.Established: 10_000, record.SynSent: 5_000, record.SynRecv: 5_000, record.TimeWait: 1_000_000,
		}, ""},
		"descriptors of the struck host": {
			wide,
			record.Counts{record.Established: 50_000, record.TimeWait: 3},
			"50,000 sockets need a descriptor each on one host of the lab, and 15,000 can be open there",
		},
		"of the remote hosts": {wide, record.Counts{record.SynRecv: 10_000, record.Established: 6_000}, "16,000 sockets need a descriptor"},
		"of this machine":     {room{descriptors: 824, timeWait: mostTimeWait}, record.Counts{record.CloseWait: 900}, "and 824 can be open there"},
		"listeners":           {wide, record.Counts{record.Listen: 2_000}, "2,000 listeners are more than the 1,000"},
		"TIME_WAIT":           {wide, record.Counts{record.TimeWait: 2_000_000}, "2,000,000 TIME_WAIT are more than the 1,000,000 that a lab holds"},
		"ports": {
			room{descriptors: mostDescriptors, timeWait: 56_464, clients: 2},
			record.Counts{record.TimeWait: 60_000},
			"60,000 TIME_WAIT are more than the 56,464 that --clients 2 have ports for",
		},
		"ports of its own": {
			room{descriptors: mostDescriptors, timeWait: mostTimeWait, ownPorts: 1_000},
			record.Counts{record.SynSent: 3_000, record.TimeWait: 50_000},
			"3,000 SYN_SENT are more than the 1,000 ports that the struck host has to connect from",
		},
		"ports of its own, for TIME_WAIT": {
			room{descriptors: mostDescriptors, timeWait: 9_000, ownPorts: 10},
			record.Counts{record.TimeWait: 50_000},
			"50,000 TIME_WAIT are more than the 9,000 that 900 remote hosts have ports for",
		},
		"memory": {
			room{descriptors: mostDescriptors, timeWait: mostTimeWait, memory: 64 << 20},
			record.Counts{record.Established: 14_000},
			"it takes about 218 MB of memory, and half of what is free is 64 MB",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why := c.room.short(c.asked)
			if c.says == "" {
				if len(why) > 0 {
					t.Errorf("refused: %q", why)
				}
				return
			}
			var e *exitError
			if err := cannotStand(c.asked, 1, c.room, why); !errors.As(err, &e) || e.code != exitCannot ||
				!strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "would stand") {
				t.Errorf("%v", err)
			}
			fits := c.room.largest(c.asked, 1)
			if fits <= 0 || fits >= 1 || len(c.room.short(record.ScaledCounts(c.asked, fits))) > 0 ||
				len(c.room.short(record.ScaledCounts(c.asked, fits*1.11))) == 0 {
				t.Errorf("the largest scale is told to be %v", fits)
			}
		})
	}
	if fits := (room{}).largest(record.Counts{record.Established: 5}, 1); fits != 0 {
		t.Errorf("without any descriptor %v would stand", fits)
	}
}

// Every mix that has room makes a scenario that the trial takes.
func TestMixesAreScenarios(t *testing.T) {
	t.Parallel()
	for _, c := range []record.Counts{
		{record.TimeWait: 1},
		{record.Listen: 1000},
		{record.TimeWait: 1_000_000},
		{record.Established: 15_000},
		{record.SynSent: 14_000, record.TimeWait: 18_122},
		{record.SynRecv: 15_000},
	} {
		for scale, closer := range map[scaleFlag]string{1: "server", 0.001: "server", 0.999: "client"} {
			f := &reproduceFlags{hold: 30 * time.Second, scale: scale, closer: closer, canaries: true}
			m := f.sized(c, float64(scale))
			m.source = record.Pasted{Name: "/tmp/My Host (2).txt"}
			s := f.scenarioOf(&m)
			if err := s.Check(trial.Known); err != nil {
				t.Errorf("%v x %v: %v", c, scale, err)
			}
			if out := int64(s.Stand.TimeWaitOut); closer == "client" && out != m.asked[record.TimeWait] || closer == "server" && out != 0 {
				t.Errorf("--closer %s: %+v", closer, s.Stand)
			}
			if s.Name != "reproduce-my-host-2" {
				t.Errorf("name %q", s.Name)
			}
		}
	}
}

func TestRemoteHosts(t *testing.T) {
	t.Parallel()
	for timeWait, want := range map[int64]int{0: 1, 1: 1, 5000: 1, 5001: 2, 18_122: 4, 1_000_000: 200} {
		if m := (&reproduceFlags{}).sized(record.Counts{record.TimeWait: timeWait}, 1); m.clients != want {
			t.Errorf("%d TIME_WAIT are with %d hosts, expected %d", timeWait, m.clients, want)
		}
	}
	if m := (&reproduceFlags{closer: "client", ownPorts: 1_000}).sized(record.Counts{record.TimeWait: 18_122}, 1); m.clients != 19 {
		t.Errorf("with 1,000 ports of its own: %d hosts", m.clients)
	}
	if m := (&reproduceFlags{clients: 7}).sized(record.Counts{record.TimeWait: 9}, 1); m.clients != 7 {
		t.Errorf("--clients 7: %d", m.clients)
	}
}

// A range that the recipe makes smaller counts: for the whole mix, and the last one given.
func TestOwnPorts(t *testing.T) {
	t.Parallel()
	const key = "net.ipv4.ip_local_port_range"
	for _, c := range []struct {
		settings []sysctl.Setting
		want     int64
	}{
		{nil, 28_232},
		{[]sysctl.Setting{{Key: "net.ipv4.tcp_tw_reuse", Value: "1"}}, 28_232},
		{[]sysctl.Setting{{Key: key, Value: "1 9"}, {Key: key, Value: "40000 40999"}}, 1_000},
	} {
		if got := ownPorts(c.settings); got != c.want {
			t.Errorf("%v: %d ports", c.settings, got)
		}
	}
	f := reproduceFlags{closer: "client", clients: 1, ownPorts: 977}
	if r := roomHere(&f); r.timeWait != 977 || r.ownPorts != 977 {
		t.Errorf("%+v", r)
	}
}

func TestPassedOverIsSaid(t *testing.T) {
	t.Parallel()
	table, err := paste.Table("My host:\nTIME_WAIT 5\nCLOSED 3\nbye now, all\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`line 1 is no row and was passed over: "My host:" (and 1 more)`,
		"line 3: 3 sockets in no state of a connection (CLOSED, UNCONN, UNKNOWN) left out",
	}
	if diff := cmp.Diff(want, passedOver(table)); diff != "" {
		t.Error(diff)
	}
}
