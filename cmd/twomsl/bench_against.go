package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"twomsl/internal/record"
)

// others are the same rows, done by another twomsl.
func (f *churnFlags) others(rows []churnRow) (out []benchRow, err error) {
	path, err := exec.LookPath(f.against)
	if err != nil {
		return nil, usage("--against %s: %w; name a program, with its path", f.against, err)
	}
	for i := range rows {
		row := rows[i].BenchRow
		row.Against = filepath.Base(path)
		args := append([]string{"bench", "churn"}, rows[i].flags...)
		row.Command = shellLine(append([]string{path}, args...))
		within := rows[i].scenario.Load.Stop.After.Std() + otherAllowance
		out = append(out, benchRow{row, func(soft, hard context.Context, _ int) benchTurn {
			return churned(askOther(soft, hard, within, path, args))
		}})
	}
	return out, nil
}

const (
	// otherAllowance is the time that another program has beyond its load: to start, to make a lab, to write a record.
	otherAllowance = 30 * time.Second
	// otherGrace is how long it may take to leave when it was told to.
	otherGrace = 5 * time.Second
	// otherMost is more than the record of a run takes.
	otherMost = 64 << 20
)

// askOther runs another program once, and reads the record that it prints. It is told to stop when soft ends, and ended with all
// that it has started when hard ends or it takes too long.
func askOther(soft, hard context.Context, within time.Duration, path string, args []string) (*record.Trial, error) {
	dir, err := os.MkdirTemp("", "twomsl-against-") // where it keeps its own record: this program keeps it with the others
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	ctx, cancel := context.WithTimeout(hard, within)
	defer cancel()
	c := exec.CommandContext(ctx, path, append(args, "-o", "json", "-q", "--records", dir)...)
	var stdout, stderr bounded
	c.Stdout, c.Stderr, c.WaitDelay = &stdout, &stderr, otherGrace
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	group := func(s syscall.Signal) error { return syscall.Kill(-c.Process.Pid, s) }
	c.Cancel = func() error { return group(syscall.SIGKILL) }
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("--against %s: %w", path, err)
	}
	stop := context.AfterFunc(soft, func() { group(syscall.SIGINT) }) //nolint:errcheck // it has ended by itself
	err = c.Wait()
	stop()
	// Whatever it has left behind: mostly nothing. A number that is still a group's is nobody else's (kernel/pid.c).
	group(syscall.SIGKILL) //nolint:errcheck // see above
	t, readErr := record.Decode("of "+path, stdout.b.Bytes())
	switch {
	case readErr == nil && t.Status != record.Complete, readErr == nil && err == nil:
		return t, nil
	case soft.Err() != nil || hard.Err() != nil:
		return nil, context.Canceled
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s was not done after %v, and was ended", path, within)
	case err != nil:
		return nil, fmt.Errorf("%s: %w%s", path, err, lastWords(&stderr))
	case stdout.over:
		return nil, fmt.Errorf("%s printed more than a record holds", path)
	}
	return nil, fmt.Errorf("%s printed no record of a trial: %w", path, readErr)
}

// lastWords is the last line that a program wrote to standard error, as far as it is for reading.
func lastWords(b *bounded) string {
	lines := strings.Split(strings.TrimSpace(b.b.String()), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return ": " + last[:min(len(last), 300)]
	}
	return ""
}

// bounded keeps what is written to it up to what a record may take.
type bounded struct {
	b    bytes.Buffer
	over bool
}

func (w *bounded) Write(p []byte) (int, error) {
	room := otherMost - w.b.Len()
	w.over = w.over || len(p) > room
	w.b.Write(p[:min(len(p), room)])
	return len(p), nil
}
