package sysctl

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/record"
)

// DefaultJournal is where it stands what a run has changed on this host.
const DefaultJournal = "/var/lib/twomsl/host-sysctl.journal"

// Host is this host's own settings: those of the network namespace of the calling thread, which are changed for the
// time of a run and put back afterwards. What has to be put back stands in Journal before anything is written, so that
// not even SIGKILL leaves a change that cannot be undone.
type Host struct {
	Root    string // "" is DefaultRoot
	Journal string // "" is DefaultJournal
	Command string // what changes them, for whoever reads the journal
}

func (h Host) root() string    { return cmp.Or(h.Root, DefaultRoot) }
func (h Host) journal() string { return cmp.Or(h.Journal, DefaultJournal) }

// HeldError says that a journal is there: this host's settings are changed already.
type HeldError struct {
	Journal string
	PID     int  // of the run that wrote it; 0 where that cannot be read
	Alive   bool // that run goes on
}

func (e *HeldError) Error() string {
	if e.Alive {
		return fmt.Sprintf("a run that goes on has changed this host's settings (process %s, journal %s): let it end, or stop it; "+
			"it puts them back itself", e.pid(), e.Journal)
	}
	return fmt.Sprintf("%s is the journal of a run (process %s) that has not put this host's settings back: "+
		"`twomsl sysctl restore%s` does", e.Journal, e.pid(), journalFlag(e.Journal))
}

func (e *HeldError) pid() string {
	if e.PID == 0 {
		return "unknown"
	}
	return strconv.Itoa(e.PID)
}

// journalFlag is what a command needs to find a journal.
func journalFlag(path string) string {
	if path == DefaultJournal {
		return ""
	}
	return " --journal " + path
}

// Loan is this host's settings while they are changed. One that changed nothing has no journal.
type Loan struct {
	host   Host
	ledger *ledger
	j      journal
}

// Lend changes settings of this host: it looks at each, writes the journal, writes the settings in order and reads them
// back. It tells what became of each, one for each key. On an error nothing is changed: a HeldError where a journal is
// there already.
func (h Host) Lend(settings []Setting) (*Loan, []record.SysctlAsked, error) {
	ask := asking{root: h.root(), host: true}
	settings = Settings(settings)
	asked := make([]record.SysctlAsked, len(settings))
	l := &Loan{host: h}
	for i, s := range settings {
		if asked[i] = ask.look(s); asked[i].Outcome == "" {
			l.j.Settings = append(l.j.Settings, journaled{Key: s.Key, Before: *asked[i].Before, Asked: s.Value})
		}
	}
	if err := h.free(); err != nil {
		return nil, nil, err
	}
	if len(l.j.Settings) == 0 {
		return l, asked, nil
	}
	if err := l.open(); err != nil {
		return nil, nil, err
	}
	for i, s := range settings {
		ask.carryOut(s, &asked[i])
	}
	if err := l.confirm(asked); err != nil {
		_, backErr := l.Return()
		return nil, nil, errors.Join(err, backErr)
	}
	return l, asked, nil
}

// free tells whether no journal is there.
func (h Host) free() error {
	l, err := lockLedger(h.journal())
	if missing(err) {
		return nil
	}
	if l != nil {
		defer l.drop()
	}
	if err != nil && !errors.Is(err, errHeld) {
		return fmt.Errorf("whether this host's settings are changed already cannot be told: %w", err)
	}
	return l.heldError(errors.Is(err, errHeld))
}

func (l *ledger) heldError(alive bool) *HeldError {
	j, _ := l.read()
	return &HeldError{Journal: l.path, PID: j.PID, Alive: alive}
}

// open writes the journal; nothing has been written to the settings yet.
func (l *Loan) open() error {
	boot, ns, err := l.host.here()
	if err != nil {
		return err
	}
	l.j.Schema, l.j.BootID, l.j.NetNS = journalSchema, boot, ns
	l.j.PID, l.j.StartedAt, l.j.Command = os.Getpid(), time.Now().UTC(), l.host.Command
	data, err := encodeJournal(l.j)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(l.host.journal()), 0o755)
	}
	if err == nil {
		l.ledger, err = newLedger(l.host.journal(), data)
	}
	switch {
	case errors.Is(err, fs.ErrExist): // another run came first
		return cmp.Or(l.host.free(), err)
	case err != nil:
		return fmt.Errorf("the journal of this host's settings cannot be kept, so nothing was changed: %w; "+
			"run as root, free some room, or name another file with --journal", err)
	}
	return nil
}

// confirm takes note of what was read back.
func (l *Loan) confirm(asked []record.SysctlAsked) error {
	for i := range l.j.Settings {
		s := &l.j.Settings[i]
		at := slices.IndexFunc(asked, func(q record.SysctlAsked) bool { return q.Key == s.Key })
		s.Applied = asked[at].Value
	}
	data, err := encodeJournal(l.j)
	if err == nil {
		err = l.ledger.rewrite(data)
	}
	if err != nil {
		return fmt.Errorf("the journal of this host's settings cannot be kept, so they were put back: %w", err)
	}
	return nil
}

// here tells the boot and the network namespace of the calling thread.
func (h Host) here() (boot, ns string, err error) {
	boot, err = Read(h.root(), "kernel.random.boot_id")
	if err == nil && boot == "" {
		err = errors.New("kernel.random.boot_id is empty")
	}
	if err == nil {
		ns, err = os.Readlink("/proc/thread-self/ns/net")
	}
	if err != nil {
		return "", "", fmt.Errorf("which boot and which network namespace this is cannot be told, so no settings of this host are "+
			"touched: %w", err)
	}
	return boot, ns, nil
}

// Restored is what became of the settings that were to be put back.
type Restored struct {
	Journal  string     // "" where there was none
	Rebooted bool       // the host has started anew since: nothing was left to be put back
	Back     []PutBack  // they have their values again
	Left     []LeftOver // somebody has changed them since
	Failed   []LeftOver // they could not be put back
}

// PutBack is one setting that has its value of before again. Now is what it had until then.
type PutBack struct{ Key, Before, Now string }

// LeftOver is one setting that has not. Applied is what the run had set.
type LeftOver struct{ Key, Before, Applied, Now, Why string }

// NotRestoredError says what could not be put back. The journal is still there, with these settings.
type NotRestoredError struct {
	Journal string
	Left    []LeftOver
	Failed  []LeftOver
}

func (e *NotRestoredError) Error() string {
	var lines []string
	for _, f := range e.Failed {
		lines = append(lines, fmt.Sprintf("%s could not be put back to %q: %s", f.Key, f.Before, f.Why))
	}
	for _, f := range e.Left {
		lines = append(lines, fmt.Sprintf("%s was left at %q: the run had set %q and found %q, so somebody has changed it since",
			f.Key, f.Now, f.Applied, f.Before))
	}
	flag := journalFlag(e.Journal)
	if len(e.Left) > 0 {
		lines = append(lines, fmt.Sprintf("`twomsl sysctl restore --force%s` puts back what somebody has changed; `rm %s` leaves it",
			flag, e.Journal))
	} else {
		lines = append(lines, fmt.Sprintf("the journal is kept: once that is mended, `twomsl sysctl restore%s` tries again", flag))
	}
	return strings.Join(lines, "\n")
}

// Return puts this host's settings back, the last one written first, reads each back and takes the journal away. The
// error is a NotRestoredError where some have not got their values again.
func (l *Loan) Return() (Restored, error) {
	if l.ledger == nil {
		return Restored{}, nil
	}
	defer l.ledger.drop()
	return l.host.settle(l.ledger, l.j, false)
}

// ElsewhereError says that a journal is about another network namespace than that of the caller.
type ElsewhereError struct{ Journal, NetNS, Here string }

func (e *ElsewhereError) Error() string {
	return fmt.Sprintf("%s is about the network namespace %s, and this is %s: run `twomsl sysctl restore` there "+
		"(nsenter --net=/proc/PID/ns/net, with the PID of a process that `lsns -t net` shows for it); "+
		"if that namespace is gone, so are its settings: remove the file", e.Journal, e.NetNS, e.Here)
}

// Restore puts back what a run has left that could not do so itself, as its journal says. With force also what somebody
// has changed since. Errors are a HeldError where that run goes on, an ElsewhereError, or a NotRestoredError.
func (h Host) Restore(force bool) (Restored, error) {
	l, err := lockLedger(h.journal())
	if missing(err) {
		sweep(h.journal(), nil)
		return Restored{}, nil
	}
	if l != nil {
		defer l.drop()
	}
	switch {
	case errors.Is(err, errHeld):
		return Restored{}, l.heldError(true)
	case err != nil:
		return Restored{}, fmt.Errorf("the journal cannot be read: %w", err)
	}
	j, err := l.read()
	if err != nil {
		return Restored{}, fmt.Errorf("%s: %w; it was written whole, so something else has changed it: look into it, put back by hand "+
			"what it names, and remove it", h.journal(), err)
	}
	boot, ns, err := h.here()
	switch {
	case err != nil:
		return Restored{}, err
	case boot != j.BootID:
		sweep(h.journal(), l)
		return Restored{Journal: h.journal(), Rebooted: true}, l.remove()
	case ns != j.NetNS:
		return Restored{}, &ElsewhereError{Journal: h.journal(), NetNS: j.NetNS, Here: ns}
	}
	sweep(h.journal(), l)
	return h.settle(l, j, force)
}

// settle puts back, and leaves a journal of what could not be.
func (h Host) settle(l *ledger, j journal, force bool) (Restored, error) {
	out := h.putBack(j, force)
	out.Journal = h.journal()
	rest := append(slices.Clone(out.Left), out.Failed...)
	if len(rest) == 0 {
		if err := l.remove(); err != nil {
			return out, fmt.Errorf("all settings of this host are put back, but the journal cannot be removed: %w", err)
		}
		return out, nil
	}
	j.Settings = slices.DeleteFunc(slices.Clone(j.Settings), func(s journaled) bool {
		return !slices.ContainsFunc(rest, func(r LeftOver) bool { return r.Key == s.Key })
	})
	err := error(&NotRestoredError{Journal: h.journal(), Left: out.Left, Failed: out.Failed})
	if data, encodeErr := encodeJournal(j); encodeErr == nil {
		err = errors.Join(err, l.rewrite(data)) // should that fail, the old one is as good
	}
	return out, err
}

// putBack goes through the settings from the last one written to the first, as often as that gets any further: the
// kernel may take one only once another has its value (ip_local_port_range, ip_unprivileged_port_start).
func (h Host) putBack(j journal, force bool) (out Restored) {
	waiting := slices.Clone(j.Settings)
	slices.Reverse(waiting)
	for {
		var failed []journaled
		out.Failed = nil
		for _, s := range waiting {
			now, done, left := h.putBackOne(s, force)
			switch {
			case done:
				out.Back = append(out.Back, PutBack{Key: s.Key, Before: s.Before, Now: now})
			case left.Why == "":
				out.Left = append(out.Left, left)
			default:
				out.Failed, failed = append(out.Failed, left), append(failed, s)
			}
		}
		if len(failed) == 0 || len(failed) == len(waiting) {
			h.verify(&out)
			return out
		}
		waiting = failed
	}
}

// verify reads once more what was put back, now that all is written.
func (h Host) verify(out *Restored) {
	out.Back = slices.DeleteFunc(out.Back, func(b PutBack) bool {
		now, err := Read(h.root(), b.Key)
		if err == nil && now == b.Before {
			return false
		}
		why := "it had its value again, and lost it when others were put back"
		if err != nil {
			why = err.Error()
		}
		out.Failed = append(out.Failed, LeftOver{Key: b.Key, Before: b.Before, Now: now, Applied: b.Now, Why: why})
		return true
	})
}

// putBackOne tells the value that was found, and whether the setting has that of before. What is left without a Why was
// changed by somebody else.
func (h Host) putBackOne(s journaled, force bool) (now string, done bool, left LeftOver) {
	left = LeftOver{Key: s.Key, Before: s.Before, Applied: s.Asked}
	if s.Applied != nil {
		left.Applied = *s.Applied
	}
	now, err := Read(h.root(), s.Key)
	if err != nil {
		left.Why = err.Error()
		return "", false, left
	}
	left.Now = now
	if now == s.Before {
		return now, true, left
	}
	if !force && !s.ours(now) {
		return now, false, left
	}
	after, why := put(h.root(), Setting{Key: s.Key, Value: s.Before}, now)
	if after != nil && *after == s.Before {
		return now, true, left
	}
	left.Why = cmp.Or(why, "it does not read back")
	if after != nil {
		left.Now = *after
	}
	return now, false, left
}

// Lent is what a side's record says of settings that were lent: what became of the recipe's own, and what changed of all.
func Lent(asked []record.SysctlAsked, recipe []Setting) (out record.Sysctls) {
	recipe = Settings(recipe)
	for _, q := range asked {
		switch ofRecipe := slices.ContainsFunc(recipe, func(s Setting) bool { return s.Key == q.Key }); {
		case ofRecipe:
			out.Asked = append(out.Asked, q)
		case q.Reason != "":
			out.Refused = append(out.Refused, record.SysctlRefusal{Key: q.Key, Asked: q.Asked, Reason: q.Reason})
		}
		if q.Value == nil || q.Before == nil || *q.Value == *q.Before {
			continue
		}
		c := record.SysctlChange{Key: q.Key, Default: *q.Before, Asked: *q.Value, Value: *q.Value}
		if q.Reason != "" {
			c.Asked = q.Asked
		}
		out.Changed = append(out.Changed, c)
	}
	return out
}
