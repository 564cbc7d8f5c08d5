package look

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func listing(sockets ...Socket) *Listing {
	return &Listing{Sockets: sockets, Listeners: true, Backlogs: true, Timers: true, Programs: true}
}

func established(local string, localPort uint16, remote string, remotePort uint16) Socket {
	return Socket{State: record.Established, Local: local, LocalPort: localPort, Remote: remote, RemotePort: remotePort}
}

func hostOf(looks ...Look) record.Host {
	w := Watch{Source: record.FromLive, Between: 10 * time.Second}
	for _, l := range looks {
		w.Add(l)
	}
	return w.Host()
}

func TestWhoMadeAConnection(t *testing.T) {
	web := Socket{State: record.Listen, Local: "0.0.0.0", LocalPort: 8080, SendQueue: 128}
	only := Socket{State: record.Listen, Local: "10.0.0.9", LocalPort: 50051, SendQueue: 128}
	syn := established("10.0.0.1", 9999, "10.0.0.2", 1024)
	syn.State = record.SynRecv
	for _, c := range []struct {
		name string
		with []Socket
		k    Socket
		want string
	}{
		{"to a listener", []Socket{web}, established("10.0.0.1", 8080, "10.0.0.2", 80), record.Inbound},
		{"from a port of the range", []Socket{web}, established("10.0.0.1", 40000, "10.0.0.2", 443), record.Outbound},
		{"to a high port", []Socket{web}, established("10.0.0.1", 40000, "10.0.0.2", 50051), record.Outbound},
		{"the listener is at another address", []Socket{only}, established("10.0.0.1", 50051, "10.0.0.2", 443), record.Outbound},
		{"the listener is at this address", []Socket{only}, established("10.0.0.9", 50051, "10.0.0.2", 443), record.Inbound},
		{"bound below the range", []Socket{web}, established("10.0.0.1", 900, "10.0.0.2", 2049), record.Outbound},
		{"of a listener that is gone", []Socket{web, established("10.0.0.1", 81, "10.0.0.3", 40001)}, established("10.0.0.1", 81, "10.0.0.2", 40000), record.Inbound},
		{"bound outside of the range, to a high port", []Socket{web}, established("10.0.0.1", 20000, "10.0.0.2", 50051), record.Outbound},
		{"a handshake", []Socket{web}, syn, record.Inbound},
	} {
		h := hostOf(Look{Listing: listing(append(c.with, c.k)...)})
		i := slices.IndexFunc(h.Flows, func(f record.Flow) bool { return f.Local == c.k.Local })
		if i < 0 || h.Flows[i].Direction != c.want {
			t.Errorf("%s: %+v", c.name, h.Flows)
		}
	}
}

// The range that is set says which ports are a client's.
func TestPortsAreThoseOfTheRange(t *testing.T) {
	l := listing(established("10.0.0.1", 1025, "10.0.0.2", 443), established("10.0.0.1", 1026, "10.0.0.2", 443), established("10.0.0.1", 1028, "10.0.0.2", 443))
	l.Listeners = false
	h := hostOf(Look{Listing: l, Sysctls: map[string]string{KeyPortRange: "1024 2047"}})
	f := h.Flows[0]
	if f.Direction != record.Outbound || *f.Even != 2 || *f.Odd != 1 || *f.PortsInUse != 3 || *f.Range != (record.PortRange{Low: 1024, High: 2047}) {
		t.Errorf("%+v", f)
	}
}

// The FIN takes a place in the queue that is no data.
func TestUnreadLeavesTheFinOut(t *testing.T) {
	var all []Socket
	for i, c := range []struct {
		state record.State
		queue int64
	}{
		{record.Established, 1}, {record.CloseWait, 1}, {record.CloseWait, 2}, {record.LastAck, 1}, {record.TimeWait, 5}, {record.FinWait2, 3},
	} {
		k := established("10.0.0.1", uint16(40000+i), "10.0.0.2", 80)
		k.State, k.RecvQueue = c.state, c.queue
		all = append(all, k)
	}
	if h := hostOf(Look{Listing: listing(all...)}); h.Flows[0].Unread != 3 {
		t.Errorf("%d hold unread data, expected the first, the third and the last", h.Flows[0].Unread)
	}
}

// A tuple whose TIME_WAIT is an open connection at the next look has begun another life; one that only went on has not.
func TestReusedTuples(t *testing.T) {
	in := func(states ...record.State) Look {
		var all []Socket
		for i, s := range states {
			k := established("10.0.0.1", uint16(40000+i), "10.0.0.2", 80)
			k.State = s
			all = append(all, k)
		}
		return Look{Listing: listing(all...)}
	}
	h := hostOf(
		in(record.TimeWait, record.TimeWait, record.FinWait2, record.Established, record.Established, record.SynSent),
		in(record.Established, record.SynSent, record.Established, record.TimeWait, record.CloseWait, record.Established),
	)
	if r := *h.Flows[0].RatePerSecond; r != 0.3 {
		t.Errorf("%v/s, expected 3 in 10 s", r)
	}
}

func TestSilentPeers(t *testing.T) {
	var all []Socket
	for i, c := range []struct {
		timer Timer
		tries int64
	}{{TimerOn, 1}, {TimerOn, 2}, {TimerPersist, 5}, {TimerKeepAlive, 0}, {TimerKeepAlive, 1}} {
		k := established("10.0.0.1", uint16(40000+i), "10.0.0.2", 80)
		k.Timer, k.Tries = c.timer, c.tries
		all = append(all, k)
	}
	f := hostOf(Look{Listing: listing(all...)}).Flows[0]
	if f.Retransmitting != 2 || f.KeptAlive != 2 || f.Unanswered != 1 {
		t.Errorf("%+v", f)
	}
}

func TestTheMostOfAllLooks(t *testing.T) {
	look := func(queue int64, entries string, open int64) Look {
		return Look{
			Listing: listing(
				Socket{State: record.Listen, Local: "::", LocalPort: 80, RecvQueue: queue, SendQueue: 10, Program: "a[1]"},
				Socket{State: record.Listen, Local: "::", LocalPort: 80, RecvQueue: 0, SendQueue: 10, Program: "a[2]"},
			),
			Sysctls:     map[string]string{KeyConntrackCount: entries, KeyConntrackMax: "100", KeyFileNr: "5 0 10"},
			Conntrack:   &Conntrack{Dropped: uint64(open), EarlyDropped: 1},
			Counters:    map[string]uint64{"TcpExt.TW": uint64(open)},
			Descriptors: []record.Descriptors{{Program: "a[1]", InUse: open, Limit: 100}},
		}
	}
	h := hostOf(look(1, "10", 7), look(9, "99", 20), look(0, "5", 18))
	zero, eleven := int64(0), int64(11)
	if diff := cmp.Diff([]record.Listener{{Address: "::", Port: 80, Queue: 9, Backlog: 10, Program: "a[1]"}}, h.Listeners); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&record.Conntrack{Entries: 99, Limit: 100, Dropped: &eleven, EarlyDropped: &zero}, h.Conntrack); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]record.Descriptors{{Program: "a[1]", InUse: 20, Limit: 100}, {Program: AllPrograms, InUse: 5, Limit: 10}}, h.Descriptors); diff != "" {
		t.Error(diff)
	}
	if h.Counters["TcpExt.TW"] != 11 || h.SinceBoot["TcpExt.TW"] != 18 || *h.WatchedSeconds != 20 {
		t.Errorf("%+v", h)
	}
}

// A crawler's flows are bounded, and no socket is lost in it.
func TestTooManyFlows(t *testing.T) {
	var all []Socket
	for i := range 3 * mostFlows {
		all = append(all, established("10.0.0.1", uint16(40000+i), fmt.Sprintf("10.1.%d.%d", i/250, i%250), 443))
	}
	h := hostOf(Look{Listing: listing(all...)})
	rest := h.Flows[len(h.Flows)-1]
	if len(h.Flows) != mostFlows+1 || rest.Local != "" || rest.PortsInUse != nil || rest.States[record.Established] != 2*mostFlows ||
		!slices.Contains(h.Gaps, GapFlows) {
		t.Errorf("%d flows, the last %+v, %v", len(h.Flows), rest, h.Gaps)
	}
}

func TestRedact(t *testing.T) {
	mapped := established("10.0.0.1", 80, "2001:db8:1::5", 40000)
	mapped.Program = "secret[12]"
	l := Look{
		Listing: listing(
			Socket{State: record.Listen, Local: "0.0.0.0", LocalPort: 80, Program: "secret[1]"}, mapped,
			established("127.0.0.1", 40000, "127.0.0.1", 80), established("10.0.0.1", 40001, "10.9.9.9", 3306), established("10.0.0.1", 40002, "db.local", 3306),
		),
		Sysctls:     map[string]string{KeyHostname: "web1", KeyRelease: "6.1.0-18-acme", "net.ipv4.tcp_tw_reuse": "2", KeyPortRange: "10.0.0.1"},
		Descriptors: []record.Descriptors{{Program: "secret[12]", InUse: 5, Limit: 6}},
		Gaps:        []record.Gap{GapOthers, {What: "web1", Why: "10.0.0.1"}},
	}
	var r Redactor
	first, second := r.Redact(l), r.Redact(Look{Listing: listing(established("10.0.0.1", 5, "10.9.9.9", 6))})
	var got []string
	for _, k := range slices.Concat(first.Listing.Sockets, second.Listing.Sockets) {
		got = append(got, fmt.Sprintf("%s:%d %s:%d %s", k.Local, k.LocalPort, k.Remote, k.RemotePort, k.Program))
	}
	want := []string{
		"0.0.0.0:80 :0 program-1[1]", "240.0.0.1:80 2001:db8::1:40000 program-1[12]", "127.0.0.1:40000 127.0.0.1:80 ",
		"240.0.0.1:40001 240.0.0.2:3306 ", "240.0.0.1:40002 host-1:3306 ", "240.0.0.1:5 240.0.0.2:6 ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{KeyHostname: "redacted", KeyRelease: "6.1.0", "net.ipv4.tcp_tw_reuse": "2", KeyPortRange: "redacted"}, first.Sysctls); diff != "" {
		t.Error(diff)
	}
	if first.Descriptors[0].Program != "program-1[12]" || !slices.Equal(first.Gaps, []record.Gap{GapOthers, GapRedacted}) {
		t.Errorf("%+v", first)
	}
	if l.Listing.Sockets[1].Local != "10.0.0.1" || l.Descriptors[0].Program != "secret[12]" {
		t.Error("the look itself was changed")
	}
}

// What stays is what is the same connection in the same state at every look: a leak is told from traffic by it.
func TestWhatStayed(t *testing.T) {
	leaked := established("10.0.0.1", 8080, "10.0.0.2", 40000)
	leaked.State = record.CloseWait
	busy := established("10.0.0.1", 8080, "10.0.0.2", 40001)
	gone := established("10.0.0.1", 8080, "10.0.0.2", 40002)
	gone.State = record.CloseWait
	late := established("10.0.0.1", 8080, "10.0.0.2", 40003)
	late.State = record.CloseWait
	closed := busy
	closed.State = record.TimeWait
	old := Socket{State: record.TimeWait, Local: "10.0.0.1", LocalPort: 8080, Remote: "10.0.0.2", RemotePort: 40004, Left: 50 * time.Second}
	reborn := old
	reborn.Left = 58 * time.Second
	web := Socket{State: record.Listen, Local: "0.0.0.0", LocalPort: 8080}
	h := hostOf(Look{Listing: listing(web, leaked, busy, gone, old)}, Look{Listing: listing(web, leaked, closed, late, reborn)})
	want := record.Counts{record.Listen: 1, record.CloseWait: 1}
	if diff := cmp.Diff(want, h.Stayed); diff != "" {
		t.Errorf("stayed: %s", diff)
	}
	peak := record.Counts{record.Listen: 1, record.CloseWait: 2, record.Established: 1, record.TimeWait: 2}
	if diff := cmp.Diff(peak, h.Peak); diff != "" {
		t.Errorf("peak: %s", diff)
	}
	if one := hostOf(Look{Listing: listing(leaked)}); one.Stayed != nil || one.Peak != nil {
		t.Errorf("one look tells of what stayed: %v %v", one.Stayed, one.Peak)
	}
}
