package sysctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// journalSchema names the layout of a journal.
const journalSchema = "twomsl/host-sysctl/v1"

// journal is what has to be put back on this host, written down before the first write. It is true of one boot and one
// network namespace only.
type journal struct {
	Schema    string      `json:"schema"`
	BootID    string      `json:"boot_id"` // /proc/sys/kernel/random/boot_id
	NetNS     string      `json:"netns"`   // as /proc/thread-self/ns/net reads
	PID       int         `json:"pid"`     // of the run that wrote it
	StartedAt time.Time   `json:"started_at"`
	Command   string      `json:"command"`
	Settings  []journaled `json:"settings"` // in the order in which they are written
}

// journaled is one setting that is written, or is about to be.
type journaled struct {
	Key    string `json:"key"`
	Before string `json:"before"`
	Asked  string `json:"asked"`
	// Applied is what was read back; nil until all have been written.
	Applied *string `json:"applied"`
}

// ours tells whether a value is what the run may have left: the one before, the one applied, or, where the run ended
// before it could take note, any mixture of what was there and what it wrote (of a list the kernel takes the numbers
// before a bad one).
func (s *journaled) ours(now string) bool {
	if now == s.Before || s.Applied != nil && now == *s.Applied {
		return true
	}
	if s.Applied != nil {
		return false
	}
	if Same(s.Key, now, s.Asked) {
		return true
	}
	n, before, asked := strings.Fields(now), strings.Fields(s.Before), strings.Fields(s.Asked)
	for i, v := range n {
		old := i < len(before) && same(v, before[i])
		if !old && (i >= len(asked) || !same(v, asked[i])) {
			return false
		}
	}
	return len(n) > 0
}

func encodeJournal(j journal) ([]byte, error) {
	data, err := json.MarshalIndent(j, "", "  ")
	return append(data, '\n'), err
}

// decodeJournal reads a journal, and lets nothing through that may not be written: it is carried out as root.
func decodeJournal(data []byte) (journal, error) {
	var j journal
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&j); err != nil {
		return j, fmt.Errorf("it is no journal: %w", err)
	}
	if dec.More() {
		return j, errors.New("something follows the journal")
	}
	if j.Schema != journalSchema || j.BootID == "" || j.NetNS == "" {
		return j, fmt.Errorf("it is no journal of this program: schema %q, boot %q, namespace %q", j.Schema, j.BootID, j.NetNS)
	}
	seen := map[string]bool{}
	for i := range j.Settings {
		if err := j.Settings[i].check(); err != nil {
			return j, fmt.Errorf("setting %d: %w", i+1, err)
		}
		if seen[j.Settings[i].Key] {
			return j, fmt.Errorf("setting %d: %s is there twice", i+1, j.Settings[i].Key)
		}
		seen[j.Settings[i].Key] = true
	}
	return j, nil
}

func (s *journaled) check() error {
	if _, what := checkKey(s.Key); what != "" {
		return fmt.Errorf("key %q: %s", s.Key, what)
	}
	if s.Key != canonical(s.Key) || !strings.HasPrefix(s.Key, netPrefix) || notOnHost(s.Key) != "" {
		return fmt.Errorf("key %q is none that a run changes on a host", s.Key)
	}
	for _, v := range []string{s.Before, s.Asked} {
		if _, what := checkValue(v); what != "" {
			return fmt.Errorf("%s: value %q: %s", s.Key, v, what)
		}
	}
	return nil
}

// A ledger is a journal on disk, held: whoever has it locked is the one that changes this host's settings.
type ledger struct {
	path string
	file *os.File
}

// lockLedger takes hold of the journal at path. The error is fs.ErrNotExist where there is none, and errHeld where
// somebody else holds it.
func lockLedger(path string) (*ledger, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			return &ledger{path, f}, err
		}
		mine, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if now, err := os.Stat(path); err == nil && os.SameFile(mine, now) {
			return &ledger{path, f}, nil
		}
		f.Close() // another one has taken its place since, or none
	}
}

// errHeld says that another process holds the journal.
var errHeld = errors.New("held by another process")

func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errHeld
	}
	return err
}

// newLedger writes a journal where there must be none yet (else fs.ErrExist), and holds it.
func newLedger(path string, data []byte) (*ledger, error) {
	l := &ledger{path: path}
	return l, l.write(data, os.Link)
}

// rewrite puts another journal in its place.
func (l *ledger) rewrite(data []byte) error { return l.write(data, os.Rename) }

// temporary is what follows the journal's name in that of a file that is to become one.
const temporary = ".new-"

// write makes the new file whole, synced and locked before it gets the journal's name by place.
func (l *ledger) write(data []byte, place func(from, to string) error) error {
	dir, base := filepath.Split(l.path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, base+temporary)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after a rename there is none
	if err := lock(f); err == nil {
		_, err = f.Write(data)
		err = errors.Join(err, f.Sync())
		if err == nil {
			err = place(f.Name(), l.path)
		}
		if err == nil {
			err = syncDir(dir)
		}
		if err == nil {
			l.drop()
			l.file = f
			return nil
		}
		return errors.Join(err, f.Close())
	}
	return errors.Join(err, f.Close())
}

func (l *ledger) read() (journal, error) {
	data, err := os.ReadFile(l.path)
	if err != nil {
		return journal{}, err
	}
	return decodeJournal(data)
}

// remove takes the journal away: nothing is left to be put back.
func (l *ledger) remove() error {
	if err := os.Remove(l.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(l.path))
}

// drop lets go of the journal.
func (l *ledger) drop() {
	if l.file != nil {
		l.file.Close() //nolint:errcheck // it was only held
		l.file = nil
	}
}

// sweep takes away what a run that was killed while it wrote a journal has left beside it: a file that nobody holds, or
// the journal's other name. held is the journal, or nil.
func sweep(path string, held *ledger) {
	left, _ := filepath.Glob(globQuote(path) + temporary + "*")
	for _, name := range left {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		if lock(f) == nil || held.is(f) {
			os.Remove(name) //nolint:errcheck // a stray file at the worst
		}
		f.Close()
	}
}

// is tells whether a file is the journal.
func (l *ledger) is(f *os.File) bool {
	if l == nil || l.file == nil {
		return false
	}
	mine, err := l.file.Stat()
	other, otherErr := f.Stat()
	return err == nil && otherErr == nil && os.SameFile(mine, other)
}

func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// syncDir makes a name's coming or going survive a power cut, where the file system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// missing tells that there is no journal.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
