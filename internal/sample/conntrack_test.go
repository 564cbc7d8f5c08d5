package sample

import (
	"strings"
	"testing"
)

// From Linux 6.18 with two processors; an older kernel has a column searched in place of clashres.
const conntrackText = `entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00040000  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000010 00000002 00000000  00000000 00000000 00000000 00000000
00040000  00000001 00000000 00000000 00000003 00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000  00000000 00000000 00000000 00000000
`

func TestConntrackIsParsed(t *testing.T) {
	v, err := parseConntrack(conntrackText)
	if want := (ConntrackValues{Entries: 262_144, Dropped: 17, EarlyDropped: 2}); err != nil || v != want {
		t.Errorf("%+v, %v; want %+v", v, err, want)
	}
}

func TestConntrackNamesTheLine(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"empty":         {"", "1 lines"},
		"names alone":   {"entries drop early_drop\n", "1 lines"},
		"fewer numbers": {"entries drop early_drop\n1 2 3\n1 2\n", "line 3: 2 numbers under 3 names"},
		"no number":     {"entries drop early_drop\n1 g 3\n", `line 2: drop is "g"`},
		"too large":     {"entries drop early_drop\n1 100000000 3\n", `line 2: drop is "100000000"`},
		"no drop":       {"entries early_drop\n1 2\n", "no column drop"},
		"no entries":    {"drop early_drop\n1 2\n", "no column entries"},
	} {
		if _, err := parseConntrack(c.text); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzConntrack(f *testing.F) {
	f.Add(conntrackText)
	f.Add("entries drop early_drop\n1 2 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := parseConntrack(text); err == nil && (v.Entries < 0 || v.Dropped < 0 || v.EarlyDropped < 0) {
			t.Errorf("%+v", v)
		}
	})
}

func TestDescriptorLimitIsParsed(t *testing.T) {
	for text, want := range map[string]int64{
		"Limit                     Soft Limit           Hard Limit           Units     \n" +
			"Max file size             unlimited            unlimited            bytes     \n" +
			"Max open files            1024                 20000                files     \n": 1024,
		"Max open files 0 0 files": 0,
	} {
		if n, err := parseDescriptorLimit(text); err != nil || n != want {
			t.Errorf("%d, %v; want %d", n, err, want)
		}
	}
	for _, text := range []string{"", "Max open files", "Max open files unlimited", "Max open files -1 1 files", "Max file size 1 1 bytes"} {
		if n, err := parseDescriptorLimit(text); err == nil {
			t.Errorf("%q is read as %d", text, n)
		}
	}
}

func FuzzDescriptorLimit(f *testing.F) {
	f.Add("Max open files            1024                 20000                files     \n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseDescriptorLimit(text); err == nil && n < 0 {
			t.Errorf("%d", n)
		}
	})
}
