package sysctl

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

const (
	tuned   = "net.ipv4.tcp_tw_reuse"
	limited = "net.core.somaxconn"
)

// lender is a host of plain files, with a journal of its own.
func lender(t *testing.T) Host {
	t.Helper()
	root := fakeRoot(t, map[string]string{
		tuned: "2", limited: "4096", reservedPorts: "", portRange: "32768\t60999", "kernel.random.boot_id": "this-boot",
	})
	return Host{Root: root, Journal: filepath.Join(t.TempDir(), "made", "journal"), Command: "twomsl run x"}
}

var wantedSettings = []Setting{
	{Key: tuned, Value: "1"},
	{Key: "net.ipv4.tcp_tw_recycle", Value: "1"},
	{Key: reservedPorts, Value: "8080"},
	{Key: limited, Value: "4096"},
}

// values are those of the host that a loan could have changed.
func (h Host) values(t *testing.T) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, key := range []string{tuned, limited, reservedPorts, portRange} {
		v, err := Read(h.Root, key)
		if err != nil {
			t.Fatal(err)
		}
		got[key] = v
	}
	return got
}

func (h Host) write(t *testing.T, key, value string) {
	t.Helper()
	file, err := path(h.Root, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
}

// files are those in the journal's directory.
func (h Host) files(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(h.Journal))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (h Host) lend(t *testing.T) *Loan {
	t.Helper()
	l, _, err := h.Lend(wantedSettings)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// crash leaves everything as a SIGKILL does: the kernel lets go of the lock.
func (l *Loan) crash() { l.ledger.drop() }

func TestLendAndReturn(t *testing.T) {
	h := lender(t)
	before := h.values(t)
	l, asked, err := h.Lend(wantedSettings)
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, q := range asked {
		outcomes = append(outcomes, q.Outcome)
	}
	want := []string{record.SysctlChanged, record.SysctlMissing, record.SysctlChanged, record.SysctlAlreadySet}
	if !slices.Equal(outcomes, want) {
		t.Errorf("outcomes %q", outcomes)
	}
	if now := h.values(t); now[tuned] != "1" || now[reservedPorts] != "8080" {
		t.Errorf("lent: %v", now)
	}
	j, err := l.ledger.read()
	if err != nil || len(j.Settings) != 2 || j.Settings[0].Before != "2" || *j.Settings[0].Applied != "1" || j.PID != os.Getpid() {
		t.Errorf("journal %+v, %v", j, err)
	}
	got, err := l.Return()
	if err != nil || len(got.Back) != 2 || got.Back[0].Key != reservedPorts {
		t.Errorf("%+v, %v: the last one written comes first", got, err)
	}
	if d := cmp.Diff(before, h.values(t)); d != "" {
		t.Error(d)
	}
	if left := h.files(t); left != nil {
		t.Errorf("left beside the journal: %q", left)
	}
	if got, err := h.Restore(false); err != nil || got.Journal != "" {
		t.Errorf("nothing to restore: %+v, %v", got, err)
	}
}

// What changes nothing needs no journal, but it does not begin beside one.
func TestLendNothing(t *testing.T) {
	h := lender(t)
	none := []Setting{{Key: tuned, Value: "02"}, {Key: "net.ipv4.tcp_tw_recycle", Value: "1"}}
	l, asked, err := h.Lend(none)
	if err != nil || asked[0].Outcome != record.SysctlAlreadySet || h.files(t) != nil {
		t.Errorf("%+v, %v, %q", asked, err, h.files(t))
	}
	if _, err := l.Return(); err != nil {
		t.Error(err)
	}
	h.lend(t).crash()
	var held *HeldError
	if _, _, err := h.Lend(none); !errors.As(err, &held) {
		t.Errorf("beside the journal of another run: %v", err)
	}
}

func TestJournalKeepsASecondRunOut(t *testing.T) {
	h := lender(t)
	l := h.lend(t)
	var held *HeldError
	if _, _, err := h.Lend(wantedSettings); !errors.As(err, &held) || !held.Alive || held.PID != os.Getpid() {
		t.Errorf("beside a run that goes on: %v", err)
	}
	if _, err := h.Restore(true); !errors.As(err, &held) || !held.Alive {
		t.Errorf("restoring under a run that goes on: %v", err)
	}
	if now := h.values(t); now[tuned] != "1" {
		t.Errorf("the run has lost its settings: %v", now)
	}
	l.crash()
	_, _, err := h.Lend(wantedSettings)
	if !errors.As(err, &held) || held.Alive || !strings.Contains(err.Error(), "twomsl sysctl restore --journal "+h.Journal) {
		t.Errorf("after a crash: %v", err)
	}
}

func TestRestoreAfterACrash(t *testing.T) {
	for name, c := range map[string]struct {
		then func(t *testing.T, h Host)
		back int
	}{
		"all written":         {func(*testing.T, Host) {}, 2},
		"one back by hand":    {func(t *testing.T, h Host) { h.write(t, tuned, "2\n") }, 2},
		"none written":        {func(t *testing.T, h Host) { h.write(t, tuned, "2"); h.write(t, reservedPorts, "\n") }, 2},
		"a stray file beside": {func(t *testing.T, h Host) { stray(t, h.Journal+temporary+"12") }, 2},
		"and its other name": {func(t *testing.T, h Host) {
			if err := os.Link(h.Journal, h.Journal+temporary+"7"); err != nil {
				t.Fatal(err)
			}
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := lender(t)
			before := h.values(t)
			h.lend(t).crash()
			c.then(t, h)
			got, err := h.Restore(false)
			if err != nil || len(got.Back) != c.back || got.Journal != h.Journal {
				t.Errorf("%+v, %v", got, err)
			}
			if d := cmp.Diff(before, h.values(t)); d != "" {
				t.Error(d)
			}
			if left := h.files(t); left != nil {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func stray(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// unconfirmed makes the journal that of a run that was killed before it had read back what it wrote.
func (h Host) unconfirmed(t *testing.T, change func(*journal)) {
	t.Helper()
	data, err := os.ReadFile(h.Journal)
	if err != nil {
		t.Fatal(err)
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil {
		t.Fatal(err)
	}
	for i := range j.Settings {
		j.Settings[i].Applied = nil
	}
	if change != nil {
		change(&j)
	}
	if data, err = encodeJournal(j); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Journal, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A list of which the kernel took the first numbers is what the killed run has left, and no other's doing.
func TestRestoreWhatWasHalfWritten(t *testing.T) {
	h := lender(t)
	l, _, err := h.Lend([]Setting{{Key: portRange, Value: "1024 x"}})
	if err != nil {
		t.Fatal(err)
	}
	l.crash()
	h.unconfirmed(t, nil)
	h.write(t, portRange, "1024\t60999")
	if got, err := h.Restore(false); err != nil || h.values(t)[portRange] != "32768 60999" {
		t.Errorf("%+v, %v, %v", got, err, h.values(t))
	}
}

func TestRestoreLeavesWhatOthersChanged(t *testing.T) {
	h := lender(t)
	h.lend(t).crash()
	h.write(t, tuned, "0")
	got, err := h.Restore(false)
	var not *NotRestoredError
	if !errors.As(err, &not) || len(not.Left) != 1 || len(got.Back) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, want := range []string{tuned + ` was left at "0"`, `the run had set "1" and found "2"`, "--force", "rm " + h.Journal} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if now := h.values(t); now[tuned] != "0" || now[reservedPorts] != "" {
		t.Errorf("%v", now)
	}
	if _, err := h.Restore(false); !errors.As(err, &not) {
		t.Errorf("the second time: %v", err)
	}
	if got, err := h.Restore(true); err != nil || len(got.Back) != 1 || h.values(t)[tuned] != "2" || h.files(t) != nil {
		t.Errorf("forced: %+v, %v, %v", got, err, h.values(t))
	}
}

// What cannot be put back keeps its journal, and is put back once it can be.
func TestRestoreKeepsWhatFails(t *testing.T) {
	h := lender(t)
	h.lend(t).crash()
	file, err := path(h.Root, tuned)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	got, err := h.Restore(false)
	var not *NotRestoredError
	if !errors.As(err, &not) || len(not.Failed) != 1 || not.Failed[0].Key != tuned || len(got.Back) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	h.write(t, tuned, "1")
	if got, err := h.Restore(false); err != nil || len(got.Back) != 1 || h.values(t)[tuned] != "2" || h.files(t) != nil {
		t.Errorf("once it can be: %+v, %v, %v", got, err, h.values(t))
	}
}

// Two settings that are one behind their names cannot both come back: what was put back is read once more at the end.
func TestPutBackIsVerifiedAtTheEnd(t *testing.T) {
	h := lender(t)
	one, err := path(h.Root, tuned)
	other, otherErr := path(h.Root, limited)
	if err := errors.Join(err, otherErr, os.Remove(other), os.Link(one, other)); err != nil {
		t.Fatal(err)
	}
	got := h.putBack(journal{Settings: []journaled{
		{Key: tuned, Before: "1", Asked: "9"}, {Key: limited, Before: "2", Asked: "9"},
	}}, true)
	if len(got.Back) != 1 || len(got.Failed) != 1 || got.Failed[0].Key != limited {
		t.Errorf("%+v", got)
	}
}

func TestRestoreKnowsBootAndNamespace(t *testing.T) {
	h := lender(t)
	h.lend(t).crash()
	h.unconfirmed(t, func(j *journal) { j.NetNS = "net:[1]" })
	var elsewhere *ElsewhereError
	if _, err := h.Restore(true); !errors.As(err, &elsewhere) || elsewhere.NetNS != "net:[1]" || h.values(t)[tuned] != "1" {
		t.Errorf("another namespace: %v, %v", err, h.values(t))
	}
	h.write(t, "kernel.random.boot_id", "the next boot")
	if got, err := h.Restore(false); err != nil || !got.Rebooted || h.values(t)[tuned] != "1" || h.files(t) != nil {
		t.Errorf("another boot: %+v, %v, %v", got, err, h.values(t))
	}
}

func TestRestoreTouchesNothingByABrokenJournal(t *testing.T) {
	h := lender(t)
	h.lend(t).crash()
	for name, text := range map[string]string{
		"empty": "", "half": `{"schema": "twomsl/host-sysctl/v1", "settings": [`, "other": `{"schema": "x"}`,
	} {
		if err := os.WriteFile(h.Journal, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Restore(true); err == nil || !strings.Contains(err.Error(), h.Journal) || h.values(t)[tuned] != "1" {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(h.files(t), []string{"journal"}) {
			t.Errorf("%s: %q", name, h.files(t))
		}
	}
}

// Where no journal can be kept nothing is written.
func TestLendNeedsItsJournal(t *testing.T) {
	h := lender(t)
	before := h.values(t)
	blocked := filepath.Join(t.TempDir(), "file")
	stray(t, blocked)
	h.Journal = filepath.Join(blocked, "journal")
	if _, _, err := h.Lend(wantedSettings); err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("%v", err)
	}
	h.Journal = filepath.Join(t.TempDir(), strings.Repeat("x", 250)) // the temporary file's name is too long
	if _, _, err := h.Lend(wantedSettings); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("%v", err)
	}
	if d := cmp.Diff(before, h.values(t)); d != "" {
		t.Error(d)
	}
}

func FuzzJournal(f *testing.F) {
	applied := "1"
	good, err := encodeJournal(journal{
		Schema: journalSchema, BootID: "b", NetNS: "net:[1]",
		Settings: []journaled{{Key: tuned, Before: "2", Asked: "1", Applied: &applied}, {Key: reservedPorts, Asked: "80"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(strings.Replace(string(good), tuned, "kernel.panic", 1)))
	f.Add([]byte(strings.Replace(string(good), tuned, "net.//.kernel.panic", 1)))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := decodeJournal(data)
		if err != nil {
			return
		}
		for _, s := range j.Settings {
			file, err := path("/r", s.Key)
			if err != nil || !strings.HasPrefix(file, "/r/net/") || strings.ContainsAny(s.Before, "\n\x00") {
				t.Errorf("let through: %+v, %s, %v", s, file, err)
			}
			if !s.ours(s.Before) {
				t.Errorf("the value of before is not known: %+v", s)
			}
		}
		again, err := encodeJournal(j)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := decodeJournal(again)
		if d := cmp.Diff(j, twice); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
	})
}
