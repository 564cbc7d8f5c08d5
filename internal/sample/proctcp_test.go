package sample

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux"
)

// From Linux 6.18; the columns shift with the fifth digit of a row's number.
const (
	procHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	procTCP    = procHeader +
		"   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 8143 1 " +
		"000000007a6e6d3f 100 0 0 10 0                      \n" +
		" 999: 0100007F:0050 0100007F:8001 0C 00000000:00000000 01:00000058 00000000     0        0 0 1 " +
		"000000007a6e6d3f                                  \n" +
		"10000: 0100007F:8000 0200007F:0050 06 00000000:00000000 03:000016E5 00000000     0        0 0 3 " +
		"000000007a6e6d3f                                     \n" +
		"123456: 0100007F:8002 0200007F:0050 05 00000000:00000000 03:FFFFFFFFFFFFFFFE 00000000     0        0 0 3 " +
		"000000007a6e6d3f\n"
	procTCP6 = "  sl  local_address                         remote_address                        st tx_queue rx_queue " +
		"tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0000000000000000FFFF00000100007F:01BB 000080FE00000000FF565102BDA1F1FE:D431 01 00000000:00000000 " +
		"00:00000000 00000000  1000        0 4294967297 1 0000000015e5a5a5 20 4 30 10 -1\n"
)

func procRows(t testing.TB, text string, ipv6 bool) (rows []linux.DiagRow, err error) {
	t.Helper()
	err = parseProcTCP(strings.NewReader(text), ipv6, func(r *linux.DiagRow) { rows = append(rows, *r) })
	return rows, err
}

func ports(r linux.DiagRow, own, peer uint16) linux.DiagRow {
	r.SourcePort, r.DestPort = own, peer
	return r
}

func TestParseProcTCP(t *testing.T) {
	rows, err := procRows(t, procTCP, false)
	if err != nil {
		t.Fatal(err)
	}
	one, two := [16]byte{127, 0, 0, 1}, [16]byte{127, 0, 0, 2}
	want := []linux.DiagRow{
		ports(linux.DiagRow{State: linux.DiagListen, UID: 107, Inode: 8143}, 80, 0),
		ports(linux.DiagRow{State: linux.DiagSynRecv, Source: one, Dest: one, Timer: 1, ExpiresMS: 880}, 80, 32769),
		ports(linux.DiagRow{State: linux.DiagTimeWait, Source: one, Dest: two, Timer: 3, ExpiresMS: 58610}, 32768, 80),
		ports(linux.DiagRow{State: linux.DiagFinWait2, Source: one, Dest: two, Timer: 3}, 32770, 80),
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}

func TestParseProcTCP6(t *testing.T) {
	rows, err := procRows(t, procTCP6, true)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	r := rows[0]
	if a := r.SourceAddr().String(); a != "::ffff:127.0.0.1" || r.SourcePort != 443 {
		t.Errorf("own address %s, port %d", a, r.SourcePort)
	}
	if a := r.DestAddr().String(); a != "fe80::251:56ff:fef1:a1bd" || r.DestPort != 54321 {
		t.Errorf("peer's address %s, port %d", a, r.DestPort)
	}
	if r.State != linux.DiagEstablished || r.UID != 1000 || r.Inode == 0 {
		t.Errorf("%+v", r)
	}
}

func TestParseProcTCPNamesLine(t *testing.T) {
	good := strings.TrimPrefix(procTCP, procHeader)
	good = good[:strings.Index(good, "\n")+1]
	for name, c := range map[string]struct{ text, says string }{
		"empty":          {"", "1: no header"},
		"another table":  {"hello\n", "1: this is not the header"},
		"a short row":    {procHeader + good + "   1: 0100007F:0050\n", "3: 2 columns"},
		"an empty row":   {procHeader + "\n", "2: 0 columns"},
		"a long address": {procHeader + strings.Replace(good, "00000000:0050", "0000000000:0050", 1), "2: local_address"},
		"no hex":         {procHeader + strings.Replace(good, "00000000:0050", "0000000x:0050", 1), "2: local_address"},
		"no peer's port": {procHeader + strings.Replace(good, "00000000:0000", "00000000", 1), "2: rem_address"},
		"no state":       {procHeader + strings.Replace(good, " 0A ", " XX ", 1), "2: st"},
		"no timer":       {procHeader + strings.Replace(good, " 00:00000000", " 0000000000", 1), "2: tm->when"},
		"no uid":         {procHeader + strings.Replace(good, "107", "-07", 1), "2: uid"},
		"no inode":       {procHeader + strings.Replace(good, "8143", "x143", 1), "2: inode"},
		"an endless row": {procHeader + strings.Repeat("x", 1<<17), "2: "},
	} {
		if _, err := procRows(t, c.text, false); err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An inode's number has 64 bits here and 32 in sock_diag; zero says that nobody holds the socket, and must stay apart.
func TestParseProcTCPLargeInode(t *testing.T) {
	text := procHeader + "0: 00000000:0050 00000000:0000 0A 0:0 00:0 0 0 0 4294967296 1\n"
	rows, err := procRows(t, text, false)
	if err != nil || len(rows) != 1 || rows[0].Inode == 0 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func FuzzProcTCP(f *testing.F) {
	f.Add(procTCP, false)
	f.Add(procTCP6, true)
	f.Add(procHeader+"   0: 0100007F:0050", false)
	f.Fuzz(func(t *testing.T, text string, ipv6 bool) {
		rows, _ := procRows(t, text, ipv6)
		if len(rows) > strings.Count(text, "\n")+1 {
			t.Errorf("%d rows in %d lines", len(rows), strings.Count(text, "\n"))
		}
		for _, r := range rows {
			if r.State == linux.DiagNewSynRecv || r.IPv6 != ipv6 {
				t.Errorf("%+v", r)
			}
		}
	})
}

// The queues, and how often the row's timer has fired in vain, which stands in another column for probes.
func TestProcRowQueuesAndTries(t *testing.T) {
	for _, c := range []struct {
		line              string
		send, recv, tries int
	}{
		{"0: 0100007F:1F90 0100007F:9AEC 01 00000024:00000005 01:00000014 00000003     0        0 12345 1", 36, 5, 3},
		{"0: 0100007F:1F90 0100007F:9AEC 01 00000000:00000000 02:00000014 00000000     0        7 12345 1", 0, 0, 7},
		{"0: 0100007F:1F90 0100007F:9AEC 01 00000001:00000000 04:00000014 00000000     0        300 12345 1", 1, 0, 255},
	} {
		var row linux.DiagRow
		if err := ParseProcRow(c.line, &row); err != nil {
			t.Fatal(err)
		}
		if int(row.SendQueue) != c.send || int(row.RecvQueue) != c.recv || int(row.Retrans) != c.tries {
			t.Errorf("%s: %+v", c.line, row)
		}
	}
	for _, bad := range []string{
		"0: 0100007F:1F90 0100007F:9AEC 01 00000024 01:00000014 00000003     0        0 12345 1",
		"0: 0100007F:1F90 0100007F:9AEC 01 00000000:00000000 02:00000014 0000000x     0        7 12345 1",
	} {
		if err := ParseProcRow(bad, new(linux.DiagRow)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
