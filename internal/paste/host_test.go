package paste_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/look"
	"twomsl/internal/paste"
	"twomsl/internal/record"
)

func text(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func host(t testing.TB, bodies ...string) record.Host {
	t.Helper()
	var texts []paste.Pasted
	for _, b := range bodies {
		texts = append(texts, paste.Pasted{Name: "pasted", Body: b})
	}
	h, err := paste.Host(texts, 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The fixtures are of one host at one moment: three listeners, one of them with a full queue; out, 5 TIME_WAIT and 4
// connections, one of them with keep-alive; in, 4 TIME_WAIT, 4 connections, one of them with unread data, 1 CLOSE_WAIT.
var standing = record.Counts{
	record.CloseWait: 1, record.Established: 18, record.FinWait2: 1, record.Listen: 3, record.SynSent: 1, record.TimeWait: 9,
}

func TestEveryListingOfAMomentIsTheSameHost(t *testing.T) {
	want := host(t, text(t, "ss-tanop.txt"))
	if diff := cmp.Diff(standing, want.States); diff != "" {
		t.Fatal(diff)
	}
	for _, c := range []struct {
		file           string
		timers, people bool
		backlogs       bool
	}{
		{file: "ss-tanoe.txt", timers: true, backlogs: true},
		{file: "ss-tanp.txt", people: true, backlogs: true},
		{file: "ss-tanie.txt", timers: true, backlogs: true},
		{file: "ss-tuan.txt", backlogs: true},
		{file: "netstat-antp.txt", people: true},
		{file: "netstat-anto.txt", timers: true},
		{file: "netstat-antope.txt", timers: true, people: true},
		{file: "proc-tcp.txt", timers: true},
	} {
		t.Run(c.file, func(t *testing.T) {
			r, err := paste.Read([]paste.Pasted{{Name: c.file, Body: text(t, c.file)}})
			if err != nil || len(r.Unread) > 0 || len(r.Looks) != 1 {
				t.Fatalf("%v, %d looks, unread %v", err, len(r.Looks), r.Unread)
			}
			got, expected := r.Host(0), want
			expected.Flows = make([]record.Flow, len(want.Flows))
			copy(expected.Flows, want.Flows)
			for i := range expected.Flows {
				if f := &expected.Flows[i]; !c.people {
					f.Programs = nil
				}
				if f := &expected.Flows[i]; !c.timers {
					f.KeptAlive, f.RatePerSecond = 0, nil
				}
			}
			if diff := cmp.Diff(expected.Flows, got.Flows); diff != "" {
				t.Errorf("flows (-ss -tanop, +%s):\n%s", c.file, diff)
			}
			if diff := cmp.Diff(want.States, got.States); diff != "" {
				t.Error(diff)
			}
			if (len(got.Listeners) == 3) != c.backlogs {
				t.Errorf("listeners %+v", got.Listeners)
			}
			lacking(t, got, look.GapBacklogs, !c.backlogs)
			lacking(t, got, look.GapTimers, !c.timers)
			lacking(t, got, look.GapPrograms, !c.people)
		})
	}
}

func lacking(t *testing.T, h record.Host, g record.Gap, want bool) {
	t.Helper()
	for _, gap := range h.Gaps {
		if gap == g {
			if !want {
				t.Errorf("it says that %s is missing", g.What)
			}
			return
		}
	}
	if want {
		t.Errorf("it does not say that %s is missing: %v", g.What, h.Gaps)
	}
}

func TestHostOfAListing(t *testing.T) {
	h := host(t, text(t, "ss-tanop.txt"))
	if len(h.Flows) != 8 {
		t.Fatalf("%d flows: %+v", len(h.Flows), h.Flows)
	}
	out := h.Flows[0]
	switch {
	case out.Direction != record.Outbound, out.Port != 8080, out.States[record.TimeWait] != 5, out.States[record.Established] != 4,
		*out.PortsInUse != 10, *out.Even+*out.Odd != 10, out.KeptAlive != 1, out.Unread != 0, len(out.Programs) != 1:
		t.Errorf("%+v", out)
	}
	in := h.Flows[1]
	switch {
	case in.Direction != record.Inbound, in.Port != 8080, in.States[record.TimeWait] != 4, in.States[record.CloseWait] != 1,
		in.PortsInUse != nil, in.Unread != 1, *in.RatePerSecond != 0.4:
		t.Errorf("%+v", in)
	}
	full := record.Listener{Address: "127.0.0.1", Port: 8081, Queue: 3, Backlog: 2, Program: h.Listeners[1].Program}
	if h.Listeners[1] != full || !strings.HasPrefix(full.Program, "python3[") {
		t.Errorf("%+v", h.Listeners[1])
	}
}

// Listings of one moment that say different things are put together; ss -lnt beside ss -tn tells who listens.
func TestListingsOfOneMomentAddUp(t *testing.T) {
	both := host(t, text(t, "ss-tanoe.txt")+"\n$ sudo ss -tanp\n"+text(t, "ss-tanp.txt"))
	if diff := cmp.Diff(host(t, text(t, "ss-tanop.txt")).Flows, both.Flows); diff != "" {
		t.Error(diff)
	}
	with := host(t, text(t, "ss-lnt.txt")+text(t, "ss-tn.txt"))
	lacking(t, with, look.GapListeners, false)
	if len(with.Listeners) != 3 || with.Flows[0].Direction == with.Flows[1].Direction {
		t.Errorf("%+v", with)
	}
	without := host(t, text(t, "ss-tn.txt"))
	lacking(t, without, look.GapListeners, true)
	for i, f := range without.Flows {
		if f.Direction != with.Flows[i].Direction {
			t.Errorf("the direction of %+v is guessed wrong", f)
		}
	}
}

func TestAllThatIsPasted(t *testing.T) {
	all := []string{"ss-tanop.txt", "nstat.txt", "sockstat.txt", "sysctl.txt", "nf_conntrack.txt"}
	bodies := make([]string, len(all))
	for i, file := range all {
		bodies[i] = text(t, file)
	}
	forth := host(t, strings.Join(bodies, "root@web1:~# cat next\n"))
	if h := forth; h.SinceBoot["TcpExt.TW"] != 10 || *h.TCPMemoryPages <= 0 || h.Conntrack == nil || h.Conntrack.Limit != 262144 ||
		h.Sysctls["net.ipv4.tcp_tw_reuse"] != "2" || *h.Flows[0].Range != (record.PortRange{Low: 32768, High: 60999}) || h.Kernel == "" ||
		h.Counters != nil {
		t.Errorf("%+v", h)
	}
	var back []string
	for i := range bodies {
		back = append(back, strings.ReplaceAll(bodies[len(bodies)-1-i], "\n", "\r\n"))
	}
	if diff := cmp.Diff(forth, host(t, "\ufeff"+strings.Join(back, "[sudo] password for joe:\r\n"))); diff != "" {
		t.Errorf("in another order, with Windows line ends:\n%s", diff)
	}
	if diff := cmp.Diff(host(t, text(t, "nstat.txt")).SinceBoot, host(t, text(t, "snmp.txt")).SinceBoot, cmp.FilterValues(
		// nstat was there a moment earlier, and adds up no packets of its own
		func(a, b int64) bool { return a != b }, cmp.Comparer(func(a, b int64) bool { return a-b < 3 && b-a < 3 }),
	)); diff != "" {
		t.Errorf("nstat against /proc/net/snmp and netstat:\n%s", diff)
	}
	for name, n := range host(t, text(t, "netstat-s.txt")).SinceBoot {
		if other, there := forth.SinceBoot[name]; !there || other != n {
			t.Errorf("netstat -s says %s %d, nstat %d", name, n, other)
		}
	}
}

func TestScript(t *testing.T) {
	r, err := paste.Read([]paste.Pasted{{Name: "script.txt", Body: text(t, "script.txt")}})
	if err != nil || len(r.Unread) > 0 || len(r.Looks) != 2 {
		t.Fatalf("%v, %d looks, unread %v", err, len(r.Looks), r.Unread)
	}
	h := r.Host(0)
	if *h.WatchedSeconds < 1 || *h.WatchedSeconds > 3 || h.Counters["TcpExt.TW"] != 0 || h.SinceBoot["TcpExt.TW"] != 10 ||
		*h.TimeWaitBytesEach != 256 || h.Conntrack.Dropped == nil || h.TakenAt == nil {
		t.Errorf("%+v", h)
	}
	if diff := cmp.Diff(standing, h.States); diff != "" {
		t.Error(diff)
	}
	cut := r.Looks
	for _, end := range []string{"# twomsl end\n", "descriptors of programs\n# twomsl end\n"} {
		body := strings.TrimSuffix(text(t, "script.txt"), end)
		lacking(t, host(t, body), look.GapCut, true)
	}
	var out strings.Builder
	if err := look.Write(&out, cut, false); err != nil {
		t.Fatal(err)
	}
	again, err := paste.Read([]paste.Pasted{{Name: "again", Body: out.String()}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Errorf("what is written down is not what was read:\n%s", diff)
	}
}

const before = `State Recv-Q Send-Q Local:Port Recv Address:Port
LISTEN 0 128 *:80 *:*
TIME-WAIT 0 0 10.0.0.1:80 10.0.0.7:5000 timer:(timewait,40sec,0)
TIME-WAIT 0 0 10.0.0.1:40000 10.0.0.9:3306 timer:(timewait,31sec,0)
TIME-WAIT 0 0 10.0.0.1:40002 10.0.0.9:3306 timer:(timewait,58sec,0)
ESTAB 0 0 10.0.0.1:40004 10.0.0.9:3306
SYN-RECV 0 0 10.0.0.1:80 10.0.0.7:5002
TcpExtListenDrops 5 0.0
`

const after = `State Recv-Q Send-Q Local:Port Recv Address:Port
LISTEN 0 128 *:80 *:*
TIME-WAIT 0 0 10.0.0.1:80 10.0.0.7:5000 timer:(timewait,30sec,0)
TIME-WAIT 0 0 10.0.0.1:40000 10.0.0.9:3306 timer:(timewait,55sec,0)
TIME-WAIT 0 0 10.0.0.1:40002 10.0.0.9:3306 timer:(timewait,48sec,0)
TIME-WAIT 0 0 10.0.0.1:40004 10.0.0.9:3306 timer:(timewait,59sec,0)
TIME-WAIT 0 0 10.0.0.1:40006 10.0.0.9:3306 timer:(timewait,57sec,0)
ESTAB 0 0 10.0.0.1:40008 10.0.0.9:3306
ESTAB 0 0 10.0.0.1:80 10.0.0.7:5002
SYN-RECV 0 0 10.0.0.1:80 10.0.0.7:5004
TcpExtListenDrops 25 0.0
`

// Three connections were made to the database: one on a tuple whose TIME_WAIT was reused, one that is gone again, one that
// stands. One was accepted. The timers that ran on tell that ten seconds have passed.
func TestTwoLooks(t *testing.T) {
	for name, h := range map[string]record.Host{"two texts": host(t, before, after), "one text": host(t, before+after)} {
		if h.WatchedSeconds == nil || *h.WatchedSeconds != 10 || h.Counters["TcpExt.ListenDrops"] != 20 {
			t.Fatalf("%s: %+v", name, h)
		}
		rates := map[string]float64{}
		for _, f := range h.Flows {
			rates[f.Direction] = *f.RatePerSecond
		}
		if diff := cmp.Diff(map[string]float64{record.Outbound: 0.3, record.Inbound: 0.1}, rates); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if h.Listeners[0].SynRecv != 1 {
			t.Errorf("%s: %+v", name, h.Listeners)
		}
	}
	bare := strings.NewReplacer("timewait,", "x,") // timers that tell nothing
	h := host(t, bare.Replace(before), bare.Replace(after))
	lacking(t, h, look.GapElapsed, true)
	if h.WatchedSeconds != nil || h.Flows[0].RatePerSecond != nil || h.Counters["TcpExt.ListenDrops"] != 20 {
		t.Errorf("%+v", h)
	}
	h, err := paste.Host([]paste.Pasted{{Name: "a", Body: bare.Replace(before)}, {Name: "b", Body: bare.Replace(after)}}, 20*time.Second)
	if err != nil || *h.WatchedSeconds != 20 {
		t.Errorf("%v, %v", h.WatchedSeconds, err)
	}
}

func TestBadInput(t *testing.T) {
	for name, body := range map[string]string{"empty": "", "blank": "\n \n", "prose": "my server is slow\nplease help\n", "ss -s": "TCP: 5 (estab 4, closed 1)\n"} {
		if _, err := paste.Host([]paste.Pasted{{Name: name, Body: body}}, 0); !errors.Is(err, paste.ErrNothing) || !strings.Contains(err.Error(), "ss -tanop") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := paste.Read([]paste.Pasted{{Name: "x", Body: `ESTAB 0 0 10.0.0.1:80 10.0.0.2:70000
ESTAB 0 0 10.0.0.1:http 10.0.0.2:7000
ESTAB 0 0 10.0.0.1:80
ESTAB 0 99999999999999999999 10.0.0.1:80 10.0.0.2:7000
TIME_WAITING 0 0 10.0.0.1:80 10.0.0.2:7000
tcp 0 0 10.0.0.1:80 10.0.0.2:7000
ESTAB 0 0 10.0.0.1:80 10.0.0.2:7001
`}})
	if err != nil || len(r.Unread) != 6 || len(r.Looks[0].Listing.Sockets) != 1 {
		t.Fatalf("%v, %v", err, r)
	}
	for i, u := range r.Unread {
		if u.Line != i+1 || u.Why == "" {
			t.Errorf("%v", u)
		}
	}
	gaps := 0
	for _, g := range r.Host(0).Gaps {
		if strings.HasPrefix(g.What, "line ") || g.What == "1 more lines" {
			gaps++
		}
	}
	if gaps != 6 {
		t.Errorf("%d of them are told: %v", gaps, r.Host(0).Gaps)
	}
}

func TestATableOfStates(t *testing.T) {
	h := host(t, "established) 1\nTIME_WAIT 18122\n ESTABLISHED   2028\n7 CLOSE_WAIT\n")
	if diff := cmp.Diff(record.Counts{record.TimeWait: 18122, record.Established: 2028, record.CloseWait: 7}, h.States); diff != "" {
		t.Error(diff)
	}
	lacking(t, h, look.GapTable, true)
}

// Every form of timer that ss and netstat have.
func TestTimers(t *testing.T) {
	for text, want := range map[string]look.Socket{
		"ESTAB 0 0 1.1.1.1:1 2.2.2.2:2 timer:(keepalive,1min30sec,2)":                         {Timer: look.TimerKeepAlive, Left: 90 * time.Second, Tries: 2},
		"ESTAB 0 0 1.1.1.1:1 2.2.2.2:2 timer:(persist,119min,5)":                              {Timer: look.TimerPersist, Left: 119 * time.Minute, Tries: 5},
		"ESTAB 0 0 1.1.1.1:1 2.2.2.2:2 timer:(on,9.120ms,3)":                                  {Timer: look.TimerOn, Left: 9120 * time.Millisecond, Tries: 3},
		"ESTAB 0 0 1.1.1.1:1 2.2.2.2:2 timer:(on,020ms,0)":                                    {Timer: look.TimerOn, Left: 20 * time.Millisecond},
		"ESTAB 0 0 1.1.1.1:1 2.2.2.2:2 timer:(timewait,,0)":                                   {Timer: look.TimerTimeWait},
		"tcp 0 0 1.1.1.1:1 2.2.2.2:2 ESTABLISHED 1/a b keepalive (7198.50/0/3)":               {Timer: look.TimerKeepAlive, Left: 7198500 * time.Millisecond, Tries: 3, Program: "a[1]"},
		"tcp 0 0 1.1.1.1:1 2.2.2.2:2 ESTABLISHED 1000 4711 - on (0.76/4/0)":                   {Timer: look.TimerOn, Left: 760 * time.Millisecond, Tries: 4},
		"tcp 0 0 1.1.1.1:1 2.2.2.2:2 ESTABLISHED 1000 4711 77/nginx: worker probe (1.00/0/6)": {Timer: look.TimerPersist, Left: time.Second, Tries: 6, Program: "nginx[77]"},
		"tcp 0 0 1.1.1.1:1 2.2.2.2:2 ESTABLISHED off (0.00/0/0)":                              {},
	} {
		r, err := paste.Read([]paste.Pasted{{Name: "x", Body: text}})
		if err != nil || len(r.Unread) > 0 {
			t.Fatalf("%s: %v, %v", text, err, r.Unread)
		}
		want.State, want.Local, want.LocalPort, want.Remote, want.RemotePort = record.Established, "1.1.1.1", 1, "2.2.2.2", 2
		if diff := cmp.Diff(want, r.Looks[0].Listing.Sockets[0]); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
	}
}

func TestSpellings(t *testing.T) {
	h := host(t, `State Recv-Q Send-Q
LISTEN 0 128 :::22 :::*
LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:*
LISTEN 0 128 [fe80::1]%eth0:546 [::]:*
> ESTAB 0 36 ::ffff:10.0.0.1:22 ::ffff:10.0.0.2:50000 timer:(on,9.120ms,3) users:(("sshd: joe, root",pid=12,fd=3),("sshd",pid=7,fd=3))
ESTAB 0 0 [fe80::1%eth0]:546 [fe80::2]%eth0:50000 users:(("old",1234,5))
ESTAB 0 0 web.example:22 <client>:50001 timer:(keepalive,1min30sec,2)
`+"\x1b[32mESTAB 0 0 10.0.0.1:22 10.0.0.3:50002 timer:(persist,119min,5)\x1b[0m")
	r, err := paste.Read([]paste.Pasted{{Body: "ESTAB 0 36 ::ffff:10.0.0.1:22 ::ffff:10.0.0.2:50000 timer:(on,9.120ms,3)"}})
	if err != nil {
		t.Fatal(err)
	}
	k := look.Socket{
		State: record.Established, Local: "10.0.0.1", LocalPort: 22, Remote: "10.0.0.2", RemotePort: 50000, SendQueue: 36,
		Timer: look.TimerOn, Left: 9120 * time.Millisecond, Tries: 3,
	}
	if diff := cmp.Diff(k, r.Looks[0].Listing.Sockets[0]); diff != "" {
		t.Error(diff)
	}
	byLocal := map[string]record.Flow{}
	for _, f := range h.Flows {
		byLocal[f.Local] = f
	}
	if f := byLocal["10.0.0.1"]; f.Retransmitting != 2 || f.Programs[0] != "sshd[7]" || f.States[record.Established] != 2 || f.Remote != "" {
		t.Errorf("%+v", f)
	}
	if f := byLocal["fe80::1"]; f.Programs[0] != "old[1234]" || f.Remote != "fe80::2" || f.Direction != record.Inbound {
		t.Errorf("%+v", f)
	}
	if f := byLocal["web.example"]; f.Unanswered != 1 || f.KeptAlive != 1 || f.Remote != "<client>" {
		t.Errorf("%+v", f)
	}
}
