package sample

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
)

// SockstatValues are the totals of /proc/net/sockstat and sockstat6 (net/ipv4/proc.c, net/ipv6/proc.c).
//
// TimeWait, InUse and InUse6 are of the network namespace; Orphan, Alloc and MemPages are of the whole host, in every
// namespace alike.
type SockstatValues struct {
	InUse    int64 // IPv4 sockets in use, TIME_WAIT not counted
	InUse6   int64 // IPv6 sockets in use; means nothing unless HasIPv6
	HasIPv6  bool  // false where the kernel has no IPv6
	Orphan   int64 // sockets of full size that no process holds
	TimeWait int64 // TIME_WAIT and orphaned FIN_WAIT2, IPv4 and IPv6 together
	Alloc    int64 // sockets that exist, TIME_WAIT not counted
	MemPages int64 // memory of all TCP buffers, in pages
}

// Sockstat reads the totals again and again, cheaply: the files stay open and nothing is allocated. Not safe for
// concurrent use.
type Sockstat struct {
	v4, v6 *os.File // v6 is nil where there is none
	buffer [1024]byte
}

// OpenSockstat opens the files of the process directory proc. They keep to the namespace that it is in now.
func OpenSockstat(proc string) (*Sockstat, error) {
	v4, err := os.Open(proc + "/net/sockstat")
	if err != nil {
		return nil, err
	}
	v6, err := os.Open(proc + "/net/sockstat6")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = v4.Close()
		return nil, err
	}
	return &Sockstat{v4: v4, v6: v6}, nil
}

// Read takes the totals of this moment.
func (s *Sockstat) Read() (SockstatValues, error) {
	var v SockstatValues
	text, err := s.read(s.v4)
	if err == nil {
		err = v.parse4(text)
	}
	if err != nil || s.v6 == nil {
		return v, s.inFile(s.v4, err)
	}
	text, err = s.read(s.v6)
	if err == nil {
		err = v.parse6(text)
	}
	return v, s.inFile(s.v6, err)
}

// Close gives the files back.
func (s *Sockstat) Close() error {
	err := s.v4.Close()
	if s.v6 != nil {
		err = errors.Join(err, s.v6.Close())
	}
	return err
}

// read takes a file from its start: the kernel makes the text anew for every read at offset 0.
func (s *Sockstat) read(f *os.File) ([]byte, error) {
	n, err := f.ReadAt(s.buffer[:], 0)
	switch {
	case err == nil:
		return nil, fmt.Errorf("longer than %d bytes", len(s.buffer))
	case err != io.EOF:
		return nil, err
	}
	return s.buffer[:n], nil
}

func (s *Sockstat) inFile(f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", f.Name(), err)
}

func (v *SockstatValues) parse4(text []byte) error {
	line, ok := lineOf(text, "TCP:")
	if !ok {
		return errors.New("no line TCP")
	}
	numbers := namedNumbers{line: line}
	v.InUse = numbers.of("inuse")
	v.Orphan = numbers.of("orphan")
	v.TimeWait = numbers.of("tw")
	v.Alloc = numbers.of("alloc")
	v.MemPages = numbers.of("mem")
	return numbers.err
}

func (v *SockstatValues) parse6(text []byte) error {
	line, ok := lineOf(text, "TCP6:")
	if !ok {
		return errors.New("no line TCP6")
	}
	numbers := namedNumbers{line: line}
	v.InUse6 = numbers.of("inuse")
	v.HasIPv6 = numbers.err == nil
	return numbers.err
}

// lineOf finds the line that begins with the name, and gives what follows it.
func lineOf(text []byte, name string) ([]byte, bool) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		if len(line) >= len(name) && string(line[:len(name)]) == name {
			return line[len(name):], true
		}
	}
	return nil, false
}

// namedNumbers reads a line of names and numbers in turn, and keeps the first thing that is wrong with it.
type namedNumbers struct {
	line []byte
	err  error
}

func (l *namedNumbers) of(name string) int64 {
	for rest := l.line; l.err == nil; {
		var key, value []byte
		key, rest = cutWord(rest)
		value, rest = cutWord(rest)
		switch {
		case len(value) == 0:
			l.err = fmt.Errorf("no number %q", name)
		case string(key) == name:
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil {
				l.err = fmt.Errorf("%s: %w", name, err)
			}
			return n
		}
	}
	return 0
}

// cutWord takes the next word off a line; the word is empty at its end.
func cutWord(line []byte) (word, rest []byte) {
	line = bytes.TrimLeft(line, " \t")
	end := bytes.IndexAny(line, " \t")
	if end < 0 {
		return line, nil
	}
	return line[:end], line[end:]
}
