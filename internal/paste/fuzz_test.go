package paste

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/look"
)

func seeds(f *testing.F, pattern string) {
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		lines := strings.SplitAfter(string(data), "\n")
		f.Add(strings.Join(lines[:min(len(lines), 12)], ""))
	}
}

// check holds whatever was read to what every reading promises.
func check(t *testing.T, body string) {
	r, err := Read([]Pasted{{Name: "fuzz", Body: body}})
	if err != nil {
		return
	}
	h := r.Host(0)
	var inFlows, listed int64
	for _, f := range h.Flows {
		inFlows += f.States.Total()
		if f.PortsInUse != nil && *f.PortsInUse != *f.Even+*f.Odd {
			t.Errorf("%+v", f)
		}
	}
	if l := len(r.Looks); r.Looks[l-1].Listing != nil {
		for _, k := range r.Looks[l-1].Listing.Sockets {
			if k.Left < 0 || k.Tries < 0 || k.RecvQueue < 0 || k.SendQueue < 0 {
				t.Errorf("%+v", k)
			}
			if !listens(k) {
				listed++
			}
		}
		if listed != inFlows {
			t.Errorf("%d connections are listed, the flows have %d", listed, inFlows)
		}
	}
	same(t, r.Looks)
	redacted(t, r.Looks)
}

// same: what is written down is read back as it was.
func same(t *testing.T, looks []look.Look) {
	again := written(t, looks, false)
	for i := range looks {
		// A program may have been pasted under a name that no text could carry, a remark may have two lines.
		if diff := cmp.Diff(looks[i].Listing, again[i].Listing); diff != "" {
			t.Errorf("listing of look %d:\n%s", i+1, diff)
		}
		if diff := cmp.Diff(looks[i].Counters, again[i].Counters); diff != "" {
			t.Errorf("counters of look %d:\n%s", i+1, diff)
		}
		if diff := cmp.Diff(looks[i].Sysctls, again[i].Sysctls); diff != "" {
			t.Errorf("settings of look %d:\n%s", i+1, diff)
		}
	}
}

func written(t *testing.T, looks []look.Look, redacted bool) []look.Look {
	var out strings.Builder
	if err := look.Write(&out, looks, redacted); err != nil {
		t.Fatal(err)
	}
	r, err := Read([]Pasted{{Name: "again", Body: out.String()}})
	if err != nil || len(r.Looks) != len(looks) || len(r.Unread) > 0 {
		t.Fatalf("%v: %d looks of %d, unread %v in:\n%s", err, len(r.Looks), len(looks), r.Unread, out.String())
	}
	return r.Looks
}

var placeholder = regexp.MustCompile(`^(host|program)-[0-9]+`)

// redacted: no address is left but loopback, unspecified and placeholders.
func redacted(t *testing.T, looks []look.Look) {
	var r look.Redactor
	hidden := make([]look.Look, len(looks))
	for i := range looks {
		hidden[i] = r.Redact(looks[i])
	}
	for _, l := range written(t, hidden, true) {
		if l.Listing == nil {
			continue
		}
		for _, k := range l.Listing.Sockets {
			for _, text := range []string{k.Local, k.Remote} {
				addr, err := netip.ParseAddr(text)
				stands := err == nil && (addr.IsLoopback() || addr.IsUnspecified() || netip.MustParsePrefix("240.0.0.0/4").Contains(addr) ||
					netip.MustParsePrefix("2001:db8::/32").Contains(addr))
				if !stands && !placeholder.MatchString(text) && text != "" {
					t.Errorf("%q is left", text)
				}
			}
			if k.Program != "" && !placeholder.MatchString(k.Program) {
				t.Errorf("%q is left", k.Program)
			}
		}
	}
}

func FuzzListing(f *testing.F) {
	seeds(f, "*s-*.txt")
	f.Add("tcp 0 0 10.0.0.1:80 10.0.0.2:7000 ESTABLISHED 12/nginx: worker keepalive (7198.73/0/3)\n")
	f.Add("ESTAB 0 0 [fe80::1]%eth0:80 <me>:7000 timer:(on,9.120ms,3) users:((\"a b\",pid=1,fd=2))\n")
	f.Add("tcp 0 0 10.0.0.1:80 10.0.0.2:7000 ESTABLISHED 12/nginx keepalive (7198773.73/0/3)\n")
	f.Add("ESTAB 0 0 10.0.0.1:80 10.0.0.2:7000 timer:(keepalive,999999min999999.999999999ms,3)\n")
	f.Add("ESTAB 0 0 10.0.0.1:80 10.0.0.2:7000 timer:(keepalive,999999min999999sec999999999999ms,3)\n")
	f.Add("   0: 0100007F:1F91 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1\n")
	f.Fuzz(check)
}

func FuzzCounters(f *testing.F) {
	seeds(f, "*n*t*.txt")
	f.Add("Tcp:\n    20 active connection openings\nTcpExt:\n    TCPTimeouts: 1\n")
	f.Add("Tcp: ActiveOpens MaxConn\nTcp: 5 -1\nTcpExtTW 5 0.0\nTcpExtTW 7 0.0\n")
	f.Add("Tcp: ActiveOpens ExtWeOpens -Opens\nTcp: 7 5 3\n")
	f.Fuzz(check)
}

func FuzzTotals(f *testing.F) {
	seeds(f, "sockstat.txt")
	seeds(f, "nf_conntrack.txt")
	f.Add("cpu=0 found=1 drop=5 early_drop=6 \ncpu=1 drop=1 early_drop=1\ncpu=0 drop=7 early_drop=7\ntw_sock_TCP 208 272 256 16 1\n")
	f.Fuzz(check)
}

func FuzzSettings(f *testing.F) {
	seeds(f, "sysctl.txt")
	f.Add("net.ipv4.ip_local_port_range = 32768\t60999\n/proc/sys/fs/file-nr:1\t0\t5\nfs/file-nr=1 0 9\n32768\t60999\n")
	f.Fuzz(check)
}

func FuzzSnapshot(f *testing.F) {
	seeds(f, "script.txt")
	f.Add("# twomsl snapshot v1\n# twomsl look 1 at 2026-11-21T20:32:52.8Z uptime 35041.37\n# twomsl sockets with listeners timers\n" +
		"ESTAB 0 0 10.0.0.1:80 10.0.0.2:7000\n# twomsl gap programs: why\n# twomsl look 2 uptime 9e9\ndescriptors 5 of 6 a b[1]\nTIME_WAIT 5\n# twomsl end\n")
	f.Fuzz(check)
}
