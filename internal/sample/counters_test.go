package sample

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// From Linux 6.18, shortened.
const (
	snmpText = `Ip: Forwarding DefaultTTL InReceives OutRequests ReasmTimeout
Ip: 2 64 3854 3449 0
IcmpMsg: InType3
IcmpMsg: 1
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens AttemptFails CurrEstab OutRsts
Tcp: 1 200 120000 -1 30 0 4 2
Udp: InDatagrams NoPorts
Udp: 49 0
`
	netstatText = `TcpExt: SyncookiesSent TW TWRecycled
TcpExt: 0 28 18446744073709551615
IpExt: InOctets
IpExt: 54223285
MPTcpExt: MPCapableSYNRX
MPTcpExt: 0
`
)

func TestCounters(t *testing.T) {
	got, err := Counters(writeFiles(t, map[string]string{"net/snmp": snmpText, "net/netstat": netstatText}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{
		"Ip.InReceives": 3854, "Ip.OutRequests": 3449, "Tcp.ActiveOpens": 30, "Tcp.AttemptFails": 0, "Tcp.OutRsts": 2,
		"Udp.InDatagrams": 49, "Udp.NoPorts": 0, "TcpExt.SyncookiesSent": 0, "TcpExt.TW": 28,
		"TcpExt.TWRecycled": math.MaxUint64, "IpExt.InOctets": 54223285,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Files that stay open give what is in them now.
func TestCounterFilesAreReadAgain(t *testing.T) {
	proc := writeFiles(t, map[string]string{"net/snmp": snmpText, "net/netstat": netstatText})
	c, err := OpenCounters(proc)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{30, 31} {
		text := strings.Replace(snmpText, "-1 30 0", fmt.Sprintf("-1 %d 0", n), 1)
		if err := os.WriteFile(proc+"/net/snmp", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Read(); err != nil || got["Tcp.ActiveOpens"] != n || got["TcpExt.TW"] != 28 {
			t.Errorf("%v, %v; want %d opens", got, err, n)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenCounters(t.TempDir()); err == nil {
		t.Error("counters without files")
	}
}

func TestCountersNameFileAndLine(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"fewer values":       {"Udp: A\nUdp: 1\nTcp: A B\nTcp: 1\n", "f:4: Tcp has 2 names and 1 values"},
		"other group":        {"Tcp: A\nUdp: 1\n", `f:2: values of "Udp" under the names of "Tcp"`},
		"no values":          {"Tcp: A\nTcp: 1\nUdp: A\n", "f:3: names without values"},
		"no number":          {"Tcp: A\nTcp: x\n", "f:2: Tcp.A: "},
		"more than 64 bits":  {"Tcp: A\nTcp: 18446744073709551616\n", "f:2: Tcp.A: "},
		"not a table at all": {"hello\nworld\n", "f:2: "},
		"empty":              {"", "f:1: "},
	} {
		err := parseCounters("f", c.text, map[string]uint64{})
		if err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDiff(t *testing.T) {
	before := map[string]uint64{"still": 5, "up": 1, "wrapped": math.MaxUint64, "gone": 1}
	after := map[string]uint64{"still": 5, "up": 3, "wrapped": 1, "new": 9}
	if diff := cmp.Diff(map[string]int64{"still": 0, "up": 2, "wrapped": 2}, Diff(before, after)); diff != "" {
		t.Error(diff)
	}
}

func FuzzCounters(f *testing.F) {
	f.Add(snmpText)
	f.Add(netstatText)
	f.Add("Tcp: A B\nTcp: 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		counters := map[string]uint64{}
		_ = parseCounters("f", text, counters)
		for name := range counters {
			group, key, ok := strings.Cut(name, ".")
			if !ok || !counterGroups[group] || key == "" || notCounters[name] {
				t.Errorf("a counter %q", name)
			}
		}
	})
}
