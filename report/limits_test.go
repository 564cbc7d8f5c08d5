package report

import (
	"strings"
	"testing"

	"twomsl/internal/record"
)

// short is a trial of 100 connections, of which so many failed waiting, changed.
func short(failed int64, change func(*record.Trial)) *record.Trial {
	t := basic("short", "something was used up", client, 100, 1, 0, 100)
	finish(t, 100-failed, failed)
	if failed > 0 {
		gaveUp(t, "connect", failed)
	}
	change(t)
	return t
}

// What was used up is told first, in one sentence or two; of several what the others follow from.
func TestUsedUp(t *testing.T) {
	overflows := func(t *record.Trial) { t.Sides.Server.Counters["TcpExt.ListenOverflows"] = 40; listens(t, 9, 8, 2) }
	cookies := func(t *record.Trial) {
		t.Sides.Server.Counters["TcpExt.TCPReqQFullDoCookies"], t.Sides.Server.Counters["TcpExt.SyncookiesRecv"] = 120, 100
		listens(t, 0, 128, 129)
	}
	emfile := func(side, phase string) func(*record.Trial) {
		return func(t *record.Trial) {
			t.Outcomes = append(t.Outcomes, record.Outcome{Side: side, Phase: phase, Cause: string(record.OutOfDescriptors), Errno: "EMFILE", Count: 7})
			sideOf(t, side).Descriptors = &record.Descriptors{InUse: 128, Limit: 128}
		}
	}
	tracked := func(dropped int64) func(*record.Trial) {
		return func(t *record.Trial) {
			t.Sides.Server.Conntrack = &record.Conntrack{Entries: 65_536, Limit: 65_536, Dropped: &dropped}
		}
	}
	both := func(a, b func(*record.Trial)) func(*record.Trial) {
		return func(t *record.Trial) { a(t); b(t) }
	}
	const (
		queueFull = "The accept queue was full: the server accepts more slowly than connections come. 9 connections waited there " +
			"(backlog 8), and 40 SYNs or ACKs found no room."
		tableFull = "The connection-tracking table was full at 65,536 entries: the server's host dropped 7 packets of new flows, whatever " +
			"their protocol."
		noneToAccept = "The server was out of descriptors: accept() failed 7 times with EMFILE, since its process may hold 128."
	)
	for _, tt := range []struct {
		name   string
		failed int64
		change func(*record.Trial)
		want   string
	}{
		{"nothing", 0, func(*record.Trial) {}, ""},
		{"failures of another kind", 5, func(*record.Trial) {}, ""},
		{"accept queue", 5, overflows, queueFull},
		{"a few overflows that did no harm", 0, func(t *record.Trial) {
			t.Connections.Attempted, t.Connections.OK = 100_000, 100_000
			overflows(t)
		}, ""},
		{
			"an accept queue that was not seen", 5, func(t *record.Trial) { overflows(t); t.Sides.Server.Listeners = nil },
			"The accept queue was full: the server accepts more slowly than connections come. 40 SYNs or ACKs found no room.",
		},
		{"cookies", 0, cookies, "The SYN queue was full: 129 handshakes were half open (backlog 128). 100 got in all the same, by SYN cookies."},
		{
			"cookies that nobody took", 5, func(t *record.Trial) { cookies(t); t.Sides.Server.Counters["TcpExt.SyncookiesRecv"] = 0 },
			"The SYN queue was full: 129 handshakes were half open (backlog 128), and 120 SYNs were answered with a cookie.",
		},
		{"no cookies", 50, func(t *record.Trial) {
			t.Sides.Server.Counters["TcpExt.TCPReqQFullDrop"] = 90
			t.Sides.Server.Sysctls.Effective = map[string]string{"net.ipv4.tcp_syncookies": "0"}
			listens(t, 0, 128, 129)
		}, "The SYN queue was full: 129 handshakes were half open (backlog 128), and 90 SYNs were dropped, since SYN cookies are off."},
		{"table", 5, tracked(7), tableFull},
		{"a table with room", 5, tracked(0), ""},
		{"accept()", 5, emfile(server, "accept"), noneToAccept},
		{"socket()", 5, emfile(client, "socket"), "The client was out of descriptors: socket() failed 7 times with EMFILE, since its process may hold 128."},
		{"descriptors before the queue that fills for want of them", 5, both(overflows, emfile(server, "accept")), noneToAccept},
		{"the accept queue before the SYN queue behind it", 5, both(cookies, overflows), queueFull},
		{"the table before all else", 5, both(emfile(server, "accept"), tracked(7)), tableFull},
	} {
		if got := strings.ReplaceAll(usedUp(short(tt.failed, tt.change)), nbsp, " "); got != tt.want {
			t.Errorf("%s:\n%q, want\n%q", tt.name, got, tt.want)
		}
	}
}

// Past half of the range connect() slows down; what fails, or goes on as before, is told as something else.
func TestPastHalf(t *testing.T) {
	past := func(change func(*record.Trial)) *record.Trial {
		t := basic("half-range-cliff", "past half", client, 0, 10, 0, 16_500)
		t.Latency.Connect.P50US, t.Latency.Connect.P99US = 19, 4_200
		tuple(t, 1, 28_232, 0, 16_500)
		for _, at := range []float64{0, 1, 2, 6, 10, 11} {
			n := int64(12_000 * at)
			if at >= 2 {
				n = 14_500 + int64(250*(at-2))
			}
			t.Sides.Client.Samples = append(t.Sides.Client.Samples, record.Sample{AtMS: at * 1e3, TimeWait: &n, Opened: n})
		}
		change(t)
		return t
	}
	const want = "connect() got slow past half of the port range: 7,250/s went through before, 250/s after; it takes 19 us at p50 and 4.2 ms at p99."
	got := usedUp(past(func(*record.Trial) {}))
	if strings.ReplaceAll(got, nbsp, " ") != want {
		t.Errorf("%q, want\n%q", got, want)
	}
	for name, change := range map[string]func(*record.Trial){
		"as fast as before": func(t *record.Trial) {
			t.Sides.Client.Samples[3].Opened, t.Sides.Client.Samples[4].Opened = 40_000, 80_000
		},
		"failures":            func(t *record.Trial) { t.Connections.Failed = 1 },
		"no cliff":            func(t *record.Trial) { t.Ports[0].Forecast.CliffPerSecond = nil },
		"two pairs":           func(t *record.Trial) { tuple(t, 2, 28_232, 0, 1) },
		"not half":            func(t *record.Trial) { t.Ports[0].Range.High = 65_535; t.Ports[0].Range.Low = 1_024 },
		"nothing was counted": func(t *record.Trial) { t.Sides.Client.Samples = nil },
	} {
		if got := usedUp(past(change)); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
