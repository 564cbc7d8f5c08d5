//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// comparison starts one of 2 x 6 trials and gives the path of its record once so many of them are in it.
func comparison(t *testing.T, trials int) (path string, c *exec.Cmd) {
	t.Helper()
	dir := t.TempDir()
	c = exec.Command("twomsl", "compare", "close-matrix", "--set", "load.stop.connections=100", "--records", "rec",
		"--variant", "client=close.side=client", "--variant", "server=close.side=server", "--trials", "6", "-j", "1", "-q")
	c.Dir = dir
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill() //nolint:errcheck // it has ended, or does now
		c.Wait()         //nolint:errcheck // likewise
	})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		found, err := filepath.Glob(filepath.Join(dir, "rec", "compare-*.json"))
		if err != nil || len(found) == 0 {
			continue
		}
		if r, err := record.ReadComparison(found[0]); err == nil && len(r.Trials) >= trials {
			return found[0], c
		}
	}
	t.Fatal("the comparison's record did not come")
	return "", nil
}

// goOnWith takes the comparison up again and checks that each turn was taken once, those of before among them.
func goOnWith(t *testing.T, path string) {
	t.Helper()
	before, err := record.ReadComparison(path)
	if err != nil {
		t.Fatal(err)
	}
	if before.Status != record.Interrupted {
		t.Errorf("in between its status is %s", before.Status)
	}
	c := exec.Command("twomsl", "compare", "--resume", path, "-q")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after, err := record.ReadComparison(path)
	if err != nil {
		t.Fatal(err)
	}
	type turn struct {
		variant string
		round   int
	}
	taken := map[turn]int{}
	var ids []string
	for _, one := range after.Trials {
		taken[turn{one.Variant, one.Round}]++
		ids = append(ids, one.ID)
	}
	for _, v := range []string{"client", "server"} {
		for round := range 6 {
			if n := taken[turn{v, round}]; n != 1 {
				t.Errorf("%s had its turn in round %d %d times", v, round, n)
			}
		}
	}
	for _, one := range before.Trials {
		if one.Failure == "" && !slices.Contains(ids, one.ID) {
			t.Errorf("trial %s of before is lost", one.ID)
		}
	}
	if after.Status != record.Complete || after.ID != before.ID || after.Plan.Seed != before.Plan.Seed {
		t.Errorf("it ended as %s, id %s, seed %d", after.Status, after.ID, after.Plan.Seed)
	}
	nothingToDo(t, path)
	mixedUp(t, path, after)
}

// nothingToDo takes a whole comparison up: its record stays as it is.
func nothingToDo(t *testing.T, path string) {
	t.Helper()
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("twomsl", "compare", "--resume", path, "-q").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "no trial is missing") {
		t.Errorf("%v\n%s", err, out)
	}
	if is, err := os.ReadFile(path); err != nil || !bytes.Equal(was, is) {
		t.Errorf("the record is another one: %v", err)
	}
}

// mixedUp puts the record of one trial in the place of another one: it is not counted twice.
func mixedUp(t *testing.T, path string, c *record.Comparison) {
	t.Helper()
	at := func(i int) string { return filepath.Join(filepath.Dir(path), c.Trials[i].ID+".json") }
	data, err := os.ReadFile(at(0))
	if err == nil {
		err = os.WriteFile(at(1), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	again := exec.Command("twomsl", "compare", "--resume", path, "-q")
	out, _ := again.CombinedOutput()
	if code := codeOf(again.ProcessState); code != exitUsage || !strings.Contains(string(out), "that of another trial") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// A comparison whose program was killed goes on from its record.
func TestNetNSKilledComparisonGoesOn(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	path, c := comparison(t, 3)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait() //nolint:errcheck // it was killed
	goOnWith(t, path)
}

// Ctrl-C ends it with what is done, and says how to go on.
func TestNetNSInterruptedComparisonGoesOn(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	path, c := comparison(t, 2)
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	c.Wait() //nolint:errcheck // its exit code is looked at
	if code := codeOf(c.ProcessState); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	told, err := exec.Command("twomsl", "report", path).CombinedOutput()
	if err != nil || !strings.Contains(string(told), "--resume") {
		t.Errorf("%v\n%s", err, told)
	}
	goOnWith(t, path)
}
