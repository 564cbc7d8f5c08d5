package sysctl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseReadsWhatPeoplePaste(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Setting
	}{
		"comments and blanks":    {"# a\n; b\n\n  \t\n  # c", nil},
		"no spaces":              {"a.b_c=1", []Setting{{Key: "a.b_c", Value: "1", LineNo: 1}}},
		"spaces and tabs":        {" \ta.b \t=  5 \n", []Setting{{Key: "a.b", Value: "5", LineNo: 1}}},
		"slashes":                {"net/ipv4/x = 1", []Setting{{Key: "net.ipv4.x", Value: "1", LineNo: 1}}},
		"a dot in a name":        {"a.eth0/100.x = 1", []Setting{{Key: "a.eth0/100.x", Value: "1", LineNo: 1}}},
		"a dot in a name, paths": {"a/eth0.100/x = 1", []Setting{{Key: "a.eth0/100.x", Value: "1", LineNo: 1}}},
		"tabs in a value":        {"a.b = 1024\t65000", []Setting{{Key: "a.b", Value: "1024 65000", LineNo: 1}}},
		"CRLF and byte order mark": {
			"\ufeffa.b = 1\r\n\r\na.c = 2\r\n",
			[]Setting{{Key: "a.b", Value: "1", LineNo: 1}, {Key: "a.c", Value: "2", LineNo: 3}},
		},
		"optional":         {"-a.b = 1", []Setting{{Key: "a.b", Value: "1", Optional: true, LineNo: 1}}},
		"optional, spaced": {"  - a.b = 1", []Setting{{Key: "a.b", Value: "1", Optional: true, LineNo: 1}}},
		"empty, as sysctl -a has it": {
			"net.ipv4.ip_local_reserved_ports = ", []Setting{{Key: "net.ipv4.ip_local_reserved_ports", LineNo: 1}},
		},
		"as sysctl -a has them": {
			"kernel.version = #1 SMP @0\nkernel.limit_MBps = 5",
			[]Setting{{Key: "kernel.version", Value: "#1 SMP @0", LineNo: 1}, {Key: "kernel.limit_MBps", Value: "5", LineNo: 2}},
		},
		"equals in a value": {"a.b = c=d", []Setting{{Key: "a.b", Value: "c=d", LineNo: 1}}},
		"repeated": {
			"a.b = 1\na.b = 2", []Setting{{Key: "a.b", Value: "1", LineNo: 1}, {Key: "a.b", Value: "2", LineNo: 2}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseNamesEachProblem(t *testing.T) {
	const fromTheWeb = "(pasted from a web page?)"
	for text, want := range map[string]string{
		"net.ipv4.tcp_fin_timeout 30": "f:1:28: there is no = between key and value",
		"net.ipv4.tcp_fin_timeuot 30": "f:1:28: there is no = between key and value" +
			" (did you mean net.ipv4.tcp_fin_timeout?)",
		"net.ipv4.tcp tw_reuse = 1": "f:1:13: ' ' does not belong into a key" +
			" (did you mean net.ipv4.tcp_tw_reuse?)",
		"tcp_tw_reuse = 1": "f:1:1: a key has at least one dot (net.ipv4. is missing?)" +
			" (did you mean net.ipv4.tcp_tw_reuse?)",
		"net.ipv4.TCP_tw_reuse = 1": "f:1:10: 'T' does not belong into a key" +
			" (did you mean net.ipv4.tcp_tw_reuse?)",
		"net.ipv4.conf.*.rp_filter = 1": "f:1:15: patterns are not taken: write one line for each key",
		"/proc/sys/net/ipv4/tcp_tw_reuse=1": "f:1:1: a name is missing beside the separator" +
			" (did you mean net.ipv4.tcp_tw_reuse?)",
		"sysctl -w net.ipv4.tcp_tw_reuse=1": "f:1:7: ' ' does not belong into a key",
		" = 1":                              "f:1:2: there is no key before the =",
		"net..tcp_sack = 1":                 "f:1:5: a name is missing beside the separator",
		"net.ipv4. = 1":                     "f:1:9: a name is missing beside the separator",
		"net/../kernel/panic = 1":           "f:1:5: a key never leaves its place: a name cannot be . or ..",
		"net.//.kernel.panic = 1":           "f:1:5: a key never leaves its place: a name cannot be . or ..",
		"a.b\u00a0= 1":                      "f:1:4: the character U+00A0 does not belong into a key " + fromTheWeb,
		"a.b =\u00a01":                      "f:1:6: the character U+00A0 does not belong into a value " + fromTheWeb,
		"a.b = 1\x00":                       `f:1:8: the character '\x00' does not belong into a value`,
		"a.b = \xff":                        "f:1:7: the value is not UTF-8 text",
		"a.b = # nothing":                   "f:1:7: a comment needs a line of its own: sysctl(8) would write it as part of the value",
		"net.ipv4.tcp_fin_timeout = 30 # ok": "f:1:31: a comment needs a line of its own: " +
			"sysctl(8) would write it as part of the value",
	} {
		lines, err := Parse("f", []byte(text))
		if err == nil || err.Error() != want || lines != nil {
			t.Errorf("%q:\n got %v, %v\nwant %s", text, lines, err, want)
		}
	}
}

func TestParseKeepsGoodLinesAndAllProblems(t *testing.T) {
	lines, err := Parse("f", []byte("oops\na.b = 1\n# fine\nalso bad\n"))
	bad, ok := errors.AsType[*ParseError](err)
	if !ok || len(bad.Problems) != 2 || bad.Problems[0].LineNo != 1 || bad.Problems[1].LineNo != 4 {
		t.Fatalf("want problems in lines 1 and 4, got %v", err)
	}
	if first, ok := errors.AsType[*LineError](err); !ok || first != bad.Problems[0] {
		t.Error("the first problem is not reachable through Unwrap")
	}
	if len(lines) != 1 || lines[0].LineNo != 2 {
		t.Errorf("the line that can be read is missing: %v", lines)
	}
}

func TestParseRecipes(t *testing.T) {
	for file, want := range map[string][]Setting{
		"three-lines.conf": {
			{Key: "net.ipv4.tcp_syncookies", Value: "1"},
			{Key: "net.ipv4.tcp_tw_reuse", Value: "1"},
			{Key: "net.ipv4.tcp_tw_recycle", Value: "1"},
		},
		"four-lines.conf": {
			{Key: "net.ipv4.tcp_syncookies", Value: "1"},
			{Key: "net.ipv4.tcp_tw_reuse", Value: "1"},
			{Key: "net.ipv4.tcp_tw_recycle", Value: "1"},
			{Key: "net.ipv4.tcp_fin_timeout", Value: "30"},
		},
		"squid-eight.conf": {
			{Key: "net.ipv4.tcp_fin_timeout", Value: "30"},
			{Key: "net.ipv4.tcp_keepalive_time", Value: "1200"},
			{Key: "net.ipv4.tcp_syncookies", Value: "1"},
			{Key: "net.ipv4.tcp_tw_reuse", Value: "1"},
			{Key: "net.ipv4.tcp_tw_recycle", Value: "1"},
			{Key: "net.ipv4.ip_local_port_range", Value: "1024 65000"},
			{Key: "net.ipv4.tcp_max_syn_backlog", Value: "8192"},
			{Key: "net.ipv4.tcp_max_tw_buckets", Value: "5000"},
		},
		"squid-eight.before.conf": {
			{Key: "net.ipv4.tcp_keepalive_time", Value: "7200"},
			{Key: "net.ipv4.tcp_syncookies", Value: "0"},
			{Key: "net.ipv4.tcp_tw_reuse", Value: "0"},
			{Key: "net.ipv4.tcp_tw_recycle", Value: "0"},
			{Key: "net.ipv4.ip_local_port_range", Value: "32768 61000"},
			{Key: "net.ipv4.tcp_max_syn_backlog", Value: "1024"},
			{Key: "net.ipv4.tcp_max_tw_buckets", Value: "180000"},
		},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		lines, err := Parse(file, data)
		if err != nil {
			t.Fatal(err)
		}
		got := Settings(lines)
		for i := range got {
			if got[i].File != file || got[i].LineNo == 0 {
				t.Errorf("%s: %+v has lost its place", file, got[i])
			}
			got[i].File, got[i].LineNo = "", 0
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", file, d)
		}
	}
}

func TestParseSetting(t *testing.T) {
	got, problem := ParseSetting("-net/ipv4/ip_local_port_range = 1024\t65000")
	want := Setting{Key: "net.ipv4.ip_local_port_range", Value: "1024 65000", Optional: true}
	if problem != nil || got != want {
		t.Errorf("%+v, %v", got, problem)
	}
	for text, what := range map[string]string{
		"": "no KEY=VALUE", "# a.b=1": "no KEY=VALUE", "a.b": "no =", "a.b=1\nc.d=2": "does not belong",
	} {
		if got, problem := ParseSetting(text); problem == nil || problem.Column < 1 || !strings.Contains(problem.What, what) {
			t.Errorf("%q: %+v, %+v", text, got, problem)
		}
	}
}

func TestSettingsLastOneWinsAtItsOwnPlace(t *testing.T) {
	got := Settings([]Setting{{Key: "a.x", Value: "1"}, {Key: "a.y", Value: "2"}, {Key: "a.x", Value: "3", Optional: true}})
	want := []Setting{{Key: "a.y", Value: "2"}, {Key: "a.x", Value: "3", Optional: true}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOrderedPutsPortSettingsAsTheKernelTakesThem(t *testing.T) {
	for start, first := range map[string]string{"80": unprivilegedStart, "40000": portRange} {
		got := Ordered(map[string]string{unprivilegedStart: start, portRange: start + "\t60000", "net.core.somaxconn": "5"})
		if len(got) != 3 || got[0].Key != "net.core.somaxconn" || got[1].Key != first {
			t.Errorf("start %s: %v", start, got)
		}
	}
}

func TestNearest(t *testing.T) {
	for key, want := range map[string]string{
		"net.ipv4.tcp_tw_resue": "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse": "", "somaxcon": "net.core.somaxconn",
		"net.core.tcp_fin_timeout": "", "kernel.panic": "", "x": "", "net/ipv4/tcp_timestamp": "net.ipv4.tcp_timestamps",
		"net.ipv4.nf_conntrack_max": "", "net.ipv4.completely_else": "",
	} {
		if got := Nearest(key); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", key, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) == 0 {
		f.Fatal("no recipes to start from", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("-net/ipv4/conf/eth0.100/x = a\tb\r\n\ufeff;\nnet.//.x=1"))
	f.Add([]byte("--0.100/x =")) // a key that began with a dash was no key when read again
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := Parse("f", data)
		problems := 0
		if bad, ok := errors.AsType[*ParseError](err); ok {
			problems = len(bad.Problems)
			for _, p := range bad.Problems {
				if p.LineNo < 1 || p.Column < 1 || p.What == "" {
					t.Errorf("a problem without a place: %+v", p)
				}
			}
		}
		if n := strings.Count(string(data), "\n") + 1; len(lines)+problems > n {
			t.Errorf("%d lines became %d settings and %d problems", n, len(lines), problems)
		}
		for _, l := range lines {
			file, err := path("/r", l.Key)
			if err != nil || !strings.HasPrefix(file, "/r/") || l.Key != canonical(l.Key) || l.Value != normalise(l.Value) {
				t.Errorf("%+v: path %q, %v", l, file, err)
			}
			again, err := Parse("f", []byte(l.Key+" = "+l.Value))
			if err != nil || len(again) != 1 || again[0].Key != l.Key || again[0].Value != l.Value {
				t.Errorf("%+v reads again as %+v, %v", l, again, err)
			}
		}
	})
}
