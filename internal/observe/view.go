//go:build linux

package observe

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/look"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// brief looks at what may be fullest in between: the sockets, and the table of connection tracking.
func (v *view) brief() (look.Look, error) {
	l := v.now()
	begin := time.Now()
	var err error
	l.Listing, _, err = v.sockets()
	v.cost = time.Since(begin)
	if v.entered {
		l.Sysctls = readSettings([]string{look.KeyConntrackCount})
	}
	return l, err
}

// full looks at everything. With programs it also finds out who holds the sockets, which goes through every descriptor.
func (v *view) full(programs bool) (look.Look, error) {
	l := v.now()
	l.Gaps = slices.Clone(v.gaps)
	var inodes map[uint32][]int
	var err error
	begin := time.Now()
	if l.Listing, inodes, err = v.sockets(); err != nil {
		return l, err
	}
	v.cost = time.Since(begin)
	if l.Counters, err = sample.Counters(v.proc); err != nil {
		l.Gaps = append(l.Gaps, look.GapCounters)
	}
	l.Sysctls = readSettings(v.settings())
	l.Conntrack = readConntrack(v.proc + "/net/stat/nf_conntrack")
	v.readSockstat(&l)
	if bytes, err := sample.TimeWaitBytes(false); err == nil {
		l.TimeWaitBytesEach = &bytes
	}
	if !programs {
		inodes = nil
	}
	v.people(&l, inodes)
	return l, nil
}

func (v *view) now() look.Look {
	at := time.Now().UTC()
	l := look.Look{At: &at}
	if text, err := os.ReadFile("/proc/uptime"); err == nil {
		first, _, _ := strings.Cut(string(text), " ")
		if s, err := strconv.ParseFloat(first, 64); err == nil {
			up := time.Duration(s*1000+0.5) * time.Millisecond
			l.Uptime = &up
		}
	}
	return l
}

// dumpTries is how often a dump is asked for that the kernel calls inconsistent; the last one is taken as it is.
const dumpTries = 3

// sockets lists the namespace's sockets, and which of them (by number) have an inode.
func (v *view) sockets() (*look.Listing, map[uint32][]int, error) {
	if v.diag {
		for try := 1; ; try++ {
			l, inodes, err := v.collect(dumpBoth)
			if err == nil || errors.Is(err, linux.ErrDumpInterrupted) && try == dumpTries {
				l.Backlogs = true
				return l, inodes, nil
			}
			if !errors.Is(err, linux.ErrDumpInterrupted) {
				break
			}
		}
	}
	return v.collect(func(visit func(*linux.DiagRow)) error { return sample.VisitProcTCP(v.proc, visit) })
}

func (v *view) collect(from func(visit func(*linux.DiagRow)) error) (*look.Listing, map[uint32][]int, error) {
	l := &look.Listing{Sockets: []look.Socket{}, Listeners: true, Timers: true}
	inodes := map[uint32][]int{}
	err := from(func(r *linux.DiagRow) {
		if k, known := look.FromRow(r); known && k.State != record.Closed {
			if r.Inode != 0 {
				inodes[r.Inode] = append(inodes[r.Inode], len(l.Sockets))
			}
			l.Sockets = append(l.Sockets, k)
		}
	})
	return l, inodes, err
}

func dumpBoth(visit func(*linux.DiagRow)) error {
	d, err := linux.OpenDiag()
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read from
	for _, ipv6 := range []bool{false, true} {
		if err := d.Dump(linux.DiagQuery{IPv6: ipv6, States: linux.DiagAllStates}, visit); err != nil {
			return err
		}
	}
	return nil
}

// settings are those that can be read for this namespace: all of them from inside, those of the whole host from outside.
func (v *view) settings() []string {
	if v.entered {
		return look.Sysctls
	}
	return slices.DeleteFunc(slices.Clone(look.Sysctls), func(key string) bool { return strings.HasPrefix(key, "net.") })
}

func readSettings(keys []string) map[string]string {
	all := map[string]string{}
	for _, key := range keys {
		// What is not there is not there on this kernel, in this namespace, or for this user.
		if text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(key, ".", "/")); err == nil {
			all[key] = strings.Join(strings.Fields(string(text)), " ")
		}
	}
	return all
}

// readConntrack adds up the processors' lines, which are hexadecimal (net/netfilter/nf_conntrack_standalone.c, ct_cpu_seq_show);
// nil where there are none.
func readConntrack(file string) *look.Conntrack {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	head, rest, _ := strings.Cut(string(text), "\n")
	columns := strings.Fields(head)
	dropped, early := slices.Index(columns, "drop"), slices.Index(columns, "early_drop")
	if dropped < 0 || early < 0 {
		return nil
	}
	var c look.Conntrack
	for line := range strings.Lines(rest) {
		f := strings.Fields(line)
		if len(f) != len(columns) {
			return nil
		}
		d, dErr := strconv.ParseUint(f[dropped], 16, 64)
		e, eErr := strconv.ParseUint(f[early], 16, 64)
		if dErr != nil || eErr != nil {
			return nil
		}
		c.Dropped += d
		c.EarlyDropped += e
	}
	return &c
}

func (v *view) readSockstat(l *look.Look) {
	s, err := sample.OpenSockstat(v.proc)
	if err != nil {
		return
	}
	defer s.Close() //nolint:errcheck // only read from
	if totals, err := s.Read(); err == nil {
		l.TCPMemoryPages = &totals.MemPages
	}
}
