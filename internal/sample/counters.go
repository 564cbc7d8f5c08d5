package sample

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// counterGroups are the lines that are read, of those that /proc/net/snmp and /proc/net/netstat have.
var counterGroups = map[string]bool{"Tcp": true, "Ip": true, "Udp": true, "TcpExt": true, "IpExt": true}

// notCounters stand among the counters and are none: settings (RFC 4022, RFC 4293), and one gauge, CurrEstab.
var notCounters = map[string]bool{
	"Tcp.RtoAlgorithm": true, "Tcp.RtoMin": true, "Tcp.RtoMax": true, "Tcp.MaxConn": true, "Tcp.CurrEstab": true,
	"Ip.Forwarding": true, "Ip.DefaultTTL": true, "Ip.ReasmTimeout": true,
}

// Counters reads the SNMP counters of the network namespace that the process directory proc is in, keyed as nstat names
// them with a dot: "Tcp.OutRsts", "TcpExt.TW". Counters that this kernel does not have are absent.
func Counters(proc string) (map[string]uint64, error) {
	c, err := OpenCounters(proc)
	if err != nil {
		return nil, err
	}
	counters, err := c.Read()
	return counters, errors.Join(err, c.Close())
}

var counterFiles = []string{"/net/snmp", "/net/netstat"}

// CounterFiles are the files of Counters, kept open: reading them takes no descriptor. Not safe for concurrent use.
type CounterFiles struct{ files []*os.File }

// OpenCounters opens the counters of the network namespace that the process directory proc is in.
func OpenCounters(proc string) (*CounterFiles, error) {
	c := &CounterFiles{}
	for _, name := range counterFiles {
		f, err := os.Open(proc + name)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.files = append(c.files, f)
	}
	return c, nil
}

// Read takes the counters of this moment, keyed as Counters does.
func (c *CounterFiles) Read() (map[string]uint64, error) {
	counters := make(map[string]uint64, 256)
	for _, f := range c.files {
		text, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
		if err != nil {
			return nil, err
		}
		if err := parseCounters(f.Name(), string(text), counters); err != nil {
			return nil, err
		}
	}
	return counters, nil
}

// Close gives the files back.
func (c *CounterFiles) Close() (err error) {
	for _, f := range c.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Diff is what each counter moved by. A counter that is not in both is left out: it was not measured.
func Diff(before, after map[string]uint64) map[string]int64 {
	moved := make(map[string]int64, len(after))
	for name, b := range before {
		if a, ok := after[name]; ok {
			moved[name] = int64(a - b)
		}
	}
	return moved
}

// parseCounters reads pairs of lines: the names of a group, then its values. The file's name is for errors only.
func parseCounters(file, text string, into map[string]uint64) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i += 2 {
		if i+1 == len(lines) {
			return fmt.Errorf("%s:%d: names without values", file, i+1)
		}
		if err := parseGroup(lines[i], lines[i+1], into); err != nil {
			return fmt.Errorf("%s:%d: %w", file, i+2, err)
		}
	}
	return nil
}

func parseGroup(header, values string, into map[string]uint64) error {
	group, names, ok := strings.Cut(header, ":")
	valueGroup, numbers, valuesOK := strings.Cut(values, ":")
	if !ok || !valuesOK || group != valueGroup {
		return fmt.Errorf("values of %q under the names of %q", valueGroup, group)
	}
	if !counterGroups[group] {
		return nil
	}
	keys, fields := strings.Fields(names), strings.Fields(numbers)
	if len(keys) != len(fields) {
		return fmt.Errorf("%s has %d names and %d values", group, len(keys), len(fields))
	}
	for i, key := range keys {
		key = group + "." + key
		// A negative number means that there is no such limit, as MaxConn's -1 does: whatever it is, it counts nothing.
		if notCounters[key] || strings.HasPrefix(fields[i], "-") {
			continue
		}
		n, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		into[key] = n
	}
	return nil
}
