package sample

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// From Linux 6.18.
const (
	sockstatText = `sockets: used 13
TCP: inuse 1 orphan 2 tw 130 alloc 4 mem 5
UDP: inuse 0 mem 0
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0
`
	sockstat6Text = `TCP6: inuse 6
UDP6: inuse 0
UDPLITE6: inuse 0
RAW6: inuse 0
FRAG6: inuse 0 memory 0
`
)

func writeFiles(t *testing.T, files map[string]string) (proc string) {
	t.Helper()
	proc = t.TempDir()
	for name, text := range files {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func readSockstat(t *testing.T, files map[string]string) (SockstatValues, error) {
	t.Helper()
	s, err := OpenSockstat(writeFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Read()
}

func TestSockstat(t *testing.T) {
	want := SockstatValues{InUse: 1, Orphan: 2, TimeWait: 130, Alloc: 4, MemPages: 5, InUse6: 6, HasIPv6: true}
	got, err := readSockstat(t, map[string]string{"net/sockstat": sockstatText, "net/sockstat6": sockstat6Text})
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	want.InUse6, want.HasIPv6 = 0, false
	got, err = readSockstat(t, map[string]string{"net/sockstat": sockstatText})
	if err != nil || got != want {
		t.Errorf("without IPv6: %+v, %v", got, err)
	}
}

func TestSockstatSaysWhatIsMissing(t *testing.T) {
	if _, err := OpenSockstat(t.TempDir()); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	for name, c := range map[string]struct{ four, six, says string }{
		"no line":      {"TCP6: inuse 1\n", "", "no line TCP"},
		"no field":     {"TCP: inuse 1 orphan 0 alloc 1 mem 0\n", "", `no number "tw"`},
		"no number":    {"TCP: inuse 1 orphan 0 tw x alloc 1 mem 0\n", "", "tw: "},
		"cut short":    {"TCP: inuse 1 orphan 0 tw", "", `no number "tw"`},
		"too long":     {strings.Repeat("x", 2000), "", "longer than"},
		"no IPv6 line": {sockstatText, "TCP: inuse 1\n", "sockstat6: no line TCP6"},
	} {
		files := map[string]string{"net/sockstat": c.four}
		if c.six != "" {
			files["net/sockstat6"] = c.six
		}
		if _, err := readSockstat(t, files); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSockstat(f *testing.F) {
	f.Add([]byte(sockstatText))
	f.Add([]byte(sockstat6Text))
	f.Add([]byte("TCP: inuse 1 orphan 0 tw"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v SockstatValues
		if v.parse4(text) == nil && !strings.Contains(string(text), "TCP:") {
			t.Error("totals out of nothing")
		}
		if v.parse6(text) == nil && !strings.Contains(string(text), "TCP6:") {
			t.Error("totals out of nothing")
		}
	})
}
