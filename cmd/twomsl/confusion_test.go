//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/report/diagnose"
)

// shorter are scenarios that show what they show in less time than they take.
var shorter = map[string][]string{
	"explicit-bind":         {"--for", "4s"},
	"idle-50000":            {"--set", "load.stop.connections=6000"},
	"incident-18000":        {"--set", "load.hold=2s"},
	"port-exhaustion":       {"--set", "client.local_port_range=40000-43999"},
	"port-exhaustion-8k":    {"--set", "load.stop.failures=20"},
	"port-exhaustion-small": {"--for", "6s"},
	"state-mix":             {"--set", "load.hold=4s"},
	"steady-200":            {"--for", "8s"},
}

// confusion is what each scenario was diagnosed as.
type confusion struct {
	mu   sync.Mutex
	rows map[string]row
	// A load as fast as the machine runs alone; those that keep to a rate mostly wait, and run side by side.
	alone sync.RWMutex
	slots chan struct{}
}

type row struct{ want, got, also, why string }

// TestNetNSConfusionMatrix runs every scenario that names the cause of its trouble, and diagnoses it from its record alone:
// each is its own cause, and none another's.
func TestNetNSConfusionMatrix(t *testing.T) {
	t.Parallel()
	nstest.Require(t) // the program itself runs outside; this says whether it can
	c := confusion{rows: map[string]row{}, slots: make(chan struct{}, 4)}
	var all sync.WaitGroup // not parallel tests: of those only as many run as there are processors, and these wait
	for _, name := range scenario.Names() {
		s, err := scenario.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if s = s.Resolve(); s.Cause != "" {
			dir := t.TempDir()
			all.Go(func() { c.try(t, s, dir) })
		}
	}
	all.Wait()
	t.Log(c.table())
}

func (c *confusion) try(t *testing.T, s scenario.Scenario, dir string) {
	if s.Load.Rate == scenario.Max && s.Stand.Off() {
		c.alone.Lock()
		defer c.alone.Unlock()
	} else {
		c.slots <- struct{}{}
		defer func() { <-c.slots }()
		c.alone.RLock()
		defer c.alone.RUnlock()
	}
	got, why, err := diagnosed(t, s.Name, s.Cause, dir)
	if err != nil {
		t.Errorf("%s: %v", s.Name, err)
		return
	}
	r := row{want: s.Cause, why: why}
	for i, cause := range got {
		if i == 0 {
			r.got = cause.ID + ", " + cause.Confidence
			r.why = cause.Says
			if cause.ID != s.Cause {
				t.Errorf("%s was diagnosed as %s (%s), not as %s: %s; evidence %q", s.Name, cause.ID, cause.Confidence, s.Cause,
					cause.Says, cause.Evidence)
			}
			continue
		}
		r.also = strings.TrimPrefix(r.also+", "+cause.ID+" "+cause.Confidence, ", ")
		if cause.Confidence == record.Certain {
			t.Errorf("%s: %s is called certain, too: %s", s.Name, cause.ID, cause.Says)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[s.Name] = r
}

// diagnosed runs a scenario as a user does, and gives what its struck host has; nothing where this machine cannot run it, with
// the reason.
func diagnosed(t *testing.T, name, want, dir string) (causes []record.DiagnosedCause, why string, err error) {
	run := exec.Command(filepath.Join(bin, "twomsl"), append([]string{"run", name, "-q", "-o", "json=trial.json"}, shorter[name]...)...)
	run.Dir = dir
	out, err := run.CombinedOutput()
	switch {
	case run.ProcessState != nil && run.ProcessState.ExitCode() == exitCannot:
		return nil, "not here: " + strings.TrimSpace(string(out)), nil
	case err != nil:
		return nil, "", fmt.Errorf("%w: %s", err, out)
	}
	tr, err := record.Read(filepath.Join(dir, "trial.json"))
	if err != nil {
		return nil, "", err
	}
	d := diagnose.Diagnose(diagnose.FromTrial(tr, diagnose.Struck(tr)))
	for _, w := range tr.Warnings {
		if slices.Contains(notShown, w.Code) && d.Causes[0].ID != want {
			return nil, "not shown here: " + w.Text, nil
		}
	}
	// A load far behind its schedule is another load: whether it breaks anything is open.
	if asked := tr.Rate.AskedPerSecond; asked != nil && tr.Rate.ReachedPerSecond < 0.8**asked && d.Causes[0].ID == record.Healthy &&
		want != record.Healthy {
		return nil, fmt.Sprintf("not shown here: %.0f/s of %.0f/s", tr.Rate.ReachedPerSecond, *asked), nil
	}
	blindly(t, tr, d.Causes)
	return d.Causes, "", nil
}

// notShown are warnings by which a run says itself that it did not come to what it was to show: on a machine that is too
// slow for it.
var notShown = []string{"range-not-filled", "table-not-filled", "goal-not-reached", "stand-not-reached"}

// blindly takes everything out of the record that names the scenario: the diagnosis must not need it.
func blindly(t *testing.T, tr *record.Trial, want []record.DiagnosedCause) {
	t.Helper()
	t.Helper()
	struck := tr.Scenario.Struck // whose host it is about is asked, not answered
	tr.ID, tr.Command, tr.Scenario, tr.Warnings = "", "", record.Scenario{Struck: struck}, nil
	got := diagnose.Diagnose(diagnose.FromTrial(tr, struck))
	if diff := cmp.Diff(want, got.Causes); diff != "" {
		t.Errorf("another diagnosis without the scenario's name: %s", diff)
	}
}

// table is the matrix: a line for each scenario, a column for each cause, and what was said below.
func (c *confusion) table() string {
	var b strings.Builder
	b.WriteString("\nscenario               " + header() + "\n")
	var names, notHere []string
	covered := map[string]bool{}
	for name := range c.rows {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r := c.rows[name]
		if r.got == "" {
			notHere = append(notHere, name+": "+r.why)
			continue
		}
		covered[r.want] = true
		fmt.Fprintf(&b, "%-22s ", name)
		for _, id := range record.DiagnosedCauses {
			mark := " ."
			switch got, _, _ := strings.Cut(r.got, ","); {
			case got == id && id == r.want:
				mark = " X"
			case got == id:
				mark = " !"
			case strings.Contains(r.also, id):
				mark = " +"
			}
			b.WriteString(mark)
		}
		fmt.Fprintf(&b, "   %s: %s\n", r.got, r.why)
		if r.also != "" {
			fmt.Fprintf(&b, "%-22s also %s\n", "", r.also)
		}
	}
	for i, id := range record.DiagnosedCauses {
		fmt.Fprintf(&b, "%c %s", 'A'+i, id)
		if !covered[id] {
			b.WriteString(" (no scenario ran)")
		}
		b.WriteByte('\n')
	}
	b.WriteString(strings.Join(notHere, "\n"))
	return b.String()
}

func header() string {
	var b strings.Builder
	for i := range record.DiagnosedCauses {
		fmt.Fprintf(&b, " %c", 'A'+i)
	}
	return b.String()
}
