package sample

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// From Linux 6.18.
const slabinfoText = `slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount>
btrfs_delayed_node      0      0    312   13    1 : tunables    0    0    0 : slabdata      0      0      0
tw_sock_TCPv6          0      0    264   16    1 : tunables    0    0    0 : slabdata      0      0      0
tw_sock_TCP           32     32    256   16    1 : tunables    0    0    0 : slabdata      2      2      0
`

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestTimeWaitBytes(t *testing.T) {
	both := fstest.MapFS{"proc/slabinfo": file(slabinfoText)}
	merged := fstest.MapFS{
		"proc/slabinfo":                         file("slabinfo - version: 2.1\n"),
		"sys/kernel/slab/tw_sock_TCP/slab_size": file("248\n"),
	}
	for name, c := range map[string]struct {
		root fs.FS
		ipv6 bool
		want int64
	}{
		"slabinfo": {both, false, 256}, "IPv6": {both, true, 264}, "sys": {merged, false, 248},
	} {
		if n, err := timeWaitBytes(c.root, c.ipv6); n != c.want || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// closedFS refuses as the kernel refuses an ordinary user.
type closedFS struct{}

func (closedFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func TestTimeWaitBytesSaysWhy(t *testing.T) {
	_, err := timeWaitBytes(closedFS{}, false)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "only root may read it") {
		t.Errorf("as an ordinary user: %v", err)
	}
	_, err = timeWaitBytes(fstest.MapFS{"proc/slabinfo": file("slabinfo - version: 2.1\n")}, true)
	if !errors.Is(err, ErrSlabMerged) || !strings.Contains(err.Error(), "tw_sock_TCPv6 is not readable") {
		t.Errorf("merged: %v", err)
	}
	_, err = timeWaitBytes(fstest.MapFS{"proc/slabinfo": file("hello\n")}, true)
	if err == nil || !strings.Contains(err.Error(), "not in format 2") {
		t.Errorf("another format: %v", err)
	}
}

func FuzzSlabinfo(f *testing.F) {
	f.Add(slabinfoText)
	f.Add("slabinfo - version: 2.1\ntw_sock_TCP 1 2")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSlabinfo(text, "tw_sock_TCP"); err == nil && n <= 0 {
			t.Errorf("a size of %d bytes", n)
		}
	})
}

func TestParseActive(t *testing.T) {
	const text = "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize>\ntw_sock_TCPv6 112 176 256 16 1\ntw_sock_TCP 23872 23900 256 16 1\n"
	if n, err := parseActive(text, "tw_sock_TCP"); n != 23872 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := parseActive(text, "TCP"); !errors.Is(err, ErrSlabMerged) {
		t.Errorf("a slab that is not there: %v", err)
	}
	for _, bad := range []string{"tw_sock_TCP x 1 256", "tw_sock_TCP -1 1 256"} {
		if _, err := parseActive(bad, "tw_sock_TCP"); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
