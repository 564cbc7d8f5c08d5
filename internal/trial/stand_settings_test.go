//go:build linux

package trial

import (
	"fmt"
	"testing"
	"time"

	"twomsl/internal/scenario"
)

// As many retries as last: 1 + 2 + 4 + 8 + 16 + 32 s are the 63 s of five.
func TestTriesFor(t *testing.T) {
	t.Parallel()
	for needed, want := range map[time.Duration]int64{
		0: 0, time.Second: 0, 3 * time.Second: 1, 63 * time.Second: 5, 64 * time.Second: 6,
		127 * time.Second: 6, 247 * time.Second: 7, 248 * time.Second: 8, time.Hour: 35,
	} {
		if got := triesFor(needed, synTimer); got != want {
			t.Errorf("%v takes %d retries, expected %d", needed, got, want)
		}
	}
}

// Settings are raised where the kernel's own are too few for the hold, and left alone otherwise.
func TestStandSettings(t *testing.T) {
	t.Parallel()
	has := map[string]string{
		"net.core.somaxconn": "4096", "net.ipv4.tcp_max_tw_buckets": "1000", "net.ipv4.tcp_synack_retries": "5",
		"net.ipv4.tcp_syn_retries": "6", "net.ipv4.tcp_retries2": "15", "net.ipv4.tcp_rfc1337": "0",
	}
	all := scenario.Stand{SynSent: 1, SynRecv: 2000, FinWait1: 1, TimeWait: 5000, Established: 1}
	for _, c := range []struct {
		stand scenario.Stand
		hold  time.Duration
		want  string
	}{
		{scenario.Stand{}, time.Hour, "[]"},
		{scenario.Stand{Established: 5, FinWait2: 5, CloseWait: 5}, time.Hour, "[]"},
		{scenario.Stand{SynSent: 1, SynRecv: 10, FinWait1: 1, TimeWait: 10}, 30 * time.Second, "[]"},
		{all, 30 * time.Second, "[net.core.somaxconn=8000 net.ipv4.tcp_max_tw_buckets=5000]"},
		{all, 90 * time.Second, "[net.core.somaxconn=8000 net.ipv4.tcp_max_tw_buckets=5000 net.ipv4.tcp_synack_retries=6 " +
			"net.ipv4.tcp_rfc1337=1]"},
		{scenario.Stand{TimeWaitOut: 5000}, 90 * time.Second, "[net.ipv4.tcp_max_tw_buckets=5000 net.ipv4.tcp_rfc1337=1]"},
		{scenario.Stand{SynSent: 1}, 150 * time.Second, "[net.ipv4.tcp_syn_retries=7]"},
		{scenario.Stand{LastAck: 1}, 20 * time.Minute, "[net.ipv4.tcp_retries2=18]"},
	} {
		r := run{scenario: scenario.Scenario{Stand: c.stand}}
		r.scenario.Load.Hold, r.scenario.Load.Stop.After = scenario.Duration(c.hold), scenario.Duration(10*time.Second)
		var got []string
		for _, s := range r.standSettings(has) {
			got = append(got, s.Key+"="+s.Value)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%+v for %v: %v, expected %s", c.stand, c.hold, got, c.want)
		}
	}
}
