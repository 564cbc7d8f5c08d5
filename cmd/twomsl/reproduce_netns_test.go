//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"twomsl/internal/incident"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/paste"
	"twomsl/internal/record"
)

// mixed has every state, and none of a table that comes with the program.
const mixed = `SYN_SENT 100
SYN_RECV 57
ESTABLISHED 120
FIN_WAIT1 99
FIN_WAIT2 41
CLOSING 22
TIME_WAIT 777
CLOSE_WAIT 64
LAST_ACK 31
LISTEN 50
`

// Each of the published tables, and others, stands as asked from the first moment of the hold to its last: counted by ss,
// from outside.
func TestNetNSReproduce(t *testing.T) {
	t.Parallel()
	nstest.Require(t) // the command itself runs outside; this says whether it can
	nstest.Program(t, "ss", "iproute2")
	tables := map[string]string{
		"every-state": mixed, "one-state": "5 SYN_RECV\n", "half-open": "SYN_SENT 2000\nTIME_WAIT 3\n",
		"leak": "CLOSE_WAIT 3000\nESTABLISHED 12\n",
	}
	for _, i := range incident.All() {
		tables[i.Name] = i.Text
	}
	for name, text := range tables {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stands(t, name, text, "--hold", "4s")
		})
	}
	t.Run("opened by the host", func(t *testing.T) {
		t.Parallel()
		stands(t, "opened by the host", mixed, "--hold", "4s", "--closer", "client", "--clients", "3")
	})
}

// What would end within the hold stands on: a TIME_WAIT beyond its minute, a SYN_RECV beyond the retries that a
// namespace starts with.
func TestNetNSReproduceBeyondAMinute(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for family, closer := range map[string]string{"--ipv6=false": "client", "--ipv6": "server"} {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			stands(t, "long", mixed, "--hold", "66s", family, "--closer", closer)
		})
	}
}

var invited = regexp.MustCompile(`twomsl states --pid (\d+)`)

// stands reproduces a table and counts it with ss in the lab, several times in each second of the hold.
func stands(t *testing.T, name, text string, flags ...string) {
	t.Helper()
	c := twomsl(t, append([]string{"reproduce", "-", "--records", "kept", "-o", "json=r.json", "--canaries=false"}, flags...)...)
	c.Stdin = strings.NewReader(text)
	progress, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid := invitation(t, progress)
	want := countsOf(t, text)
	began, looks := time.Now(), 0
	for length := holdOf(t, flags) - 500*time.Millisecond; ; looks++ {
		got, err := countedBySS(t, pid)
		if time.Since(began) > length { // the hold may be over: what was seen is not known to be of it
			break
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s, %v into the hold: %v (%v); expected %v", name, time.Since(began), got, err, want)
		}
		time.Sleep(400 * time.Millisecond)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	r, err := record.ReadReproduction(filepath.Join(c.Dir, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Holds == nil || !*r.Holds || *r.WorstDeviation != 0 || *r.WorstSockets != 0 || looks < 1 || r.Looks < 2 {
		t.Errorf("%s: holds %v, worst %v, %d looks, %d from outside", name, r.Holds, r.WorstDeviation, r.Looks, looks)
	}
}

// invitation waits for the line that says where to look, and reads on so that nothing blocks.
func invitation(t *testing.T, progress io.Reader) (pid int) {
	t.Helper()
	lines := bufio.NewScanner(progress)
	for lines.Scan() {
		if m := invited.FindStringSubmatch(lines.Text()); m != nil {
			pid, _ = strconv.Atoi(m[1])
			go io.Copy(io.Discard, progress) //nolint:errcheck // only drained
			return pid
		}
		t.Log(lines.Text())
	}
	t.Fatal("nobody was invited to look")
	return 0
}

func holdOf(t *testing.T, flags []string) time.Duration {
	t.Helper()
	hold, err := time.ParseDuration(flags[1])
	if err != nil {
		t.Fatal(err)
	}
	return hold
}

// countsOf is what the table says, with the one listener that must be there.
func countsOf(t *testing.T, text string) record.Counts {
	t.Helper()
	table, err := paste.Table(text)
	if err != nil {
		t.Fatal(err)
	}
	table.Counts[record.Listen] = max(1, table.Counts[record.Listen])
	return table.Counts
}

// countedBySS has ss list the sockets in a process's namespace.
func countedBySS(t *testing.T, pid int) (record.Counts, error) {
	t.Helper()
	out, err := exec.Command("nsenter", "-t", fmt.Sprint(pid), "-n", "ss", "-Htan").Output()
	if err != nil {
		return nil, fmt.Errorf("ss: %w", err)
	}
	table, err := paste.Table(string(out))
	return table.Counts, err
}
