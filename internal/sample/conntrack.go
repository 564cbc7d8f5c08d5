package sample

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// ConntrackValues are what connection tracking tells of one network namespace.
type ConntrackValues struct {
	Entries int64 // connections that are tracked at this moment, of every protocol
	Limit   int64 // net.netfilter.nf_conntrack_max; 0: none
	// Dropped counts the packets that found no room for their new entry, EarlyDropped the entries that went before their time
	// to make room, both since the namespace was made.
	Dropped, EarlyDropped int64
}

// Conntrack reads the connection-tracking table's totals again and again; its files stay open. Not safe for concurrent
// use.
//
// The totals are the network namespace's (net/netfilter/nf_conntrack_standalone.c, ct_seq_show): the kernel counts
// entries and drops for each of them. The limit is the machine's, and holds for each namespace by itself.
type Conntrack struct {
	stat, limit *os.File
	buffer      []byte
}

// ErrNoConntrack says that this kernel has no connection tracking, or does not tell of it in /proc.
var ErrNoConntrack = errors.New("connection tracking is not told of here: no net/stat/nf_conntrack (nf_conntrack is " +
	"not loaded, or CONFIG_NF_CONNTRACK_PROCFS is off)")

// OpenConntrack opens the files of the process directory proc, and the limit as the calling thread sees it.
func OpenConntrack(proc string) (*Conntrack, error) {
	stat, err := os.Open(proc + "/net/stat/nf_conntrack")
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoConntrack
	}
	if err != nil {
		return nil, err
	}
	limit, err := os.Open("/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil {
		_ = stat.Close()
		return nil, err
	}
	return &Conntrack{stat: stat, limit: limit, buffer: make([]byte, 4096)}, nil
}

// Read takes the totals of this moment.
func (c *Conntrack) Read() (v ConntrackValues, err error) {
	text, err := c.whole(c.stat)
	if err == nil {
		v, err = parseConntrack(string(text))
	}
	if err != nil {
		return v, fmt.Errorf("%s: %w", c.stat.Name(), err)
	}
	if text, err = c.whole(c.limit); err == nil {
		v.Limit, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	}
	if err != nil {
		return v, fmt.Errorf("%s: %w", c.limit.Name(), err)
	}
	return v, nil
}

// Close gives the files back.
func (c *Conntrack) Close() error { return errors.Join(c.stat.Close(), c.limit.Close()) }

// whole reads a file from its start to its end: a line for each processor may be more than one read gives.
func (c *Conntrack) whole(f *os.File) ([]byte, error) {
	for n := 0; ; {
		if n == len(c.buffer) {
			c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
		}
		k, err := f.ReadAt(c.buffer[n:], int64(n))
		n += k
		if err == io.EOF {
			return c.buffer[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// parseConntrack reads a line of names and then, for each processor, one of hexadecimal numbers. Entries are the
// namespace's on every line; the others are the processor's own share.
func parseConntrack(text string) (v ConntrackValues, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	names := strings.Fields(lines[0])
	into := map[string]*int64{"drop": &v.Dropped, "early_drop": &v.EarlyDropped}
	if len(lines) < 2 {
		return v, fmt.Errorf("%d lines, at least 2 expected", len(lines))
	}
	for at, line := range lines[1:] {
		numbers := strings.Fields(line)
		if len(numbers) != len(names) {
			return v, fmt.Errorf("line %d: %d numbers under %d names", at+2, len(numbers), len(names))
		}
		for i, name := range names {
			sum, wanted := into[name]
			if !wanted && name != "entries" {
				continue
			}
			n, err := strconv.ParseUint(numbers[i], 16, 32)
			switch {
			case err != nil:
				return v, fmt.Errorf("line %d: %s is %q: not a hexadecimal number of 32 bits", at+2, name, numbers[i])
			case wanted:
				*sum += int64(n)
			default:
				v.Entries = int64(n)
			}
		}
	}
	for _, name := range []string{"entries", "drop", "early_drop"} {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") {
			return v, fmt.Errorf("no column %s", name)
		}
	}
	return v, nil
}
