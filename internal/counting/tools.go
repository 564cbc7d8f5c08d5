//go:build linux

package counting

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/record"
)

// MissingError says that a program is not installed.
type MissingError struct{ Program, Package string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed: it comes with the package %s", e.Program, e.Package)
}

func have(program, debian string) error {
	if _, err := exec.LookPath(program); err != nil {
		return &MissingError{program, debian}
	}
	if _, err := exec.LookPath("awk"); err != nil {
		return &MissingError{"awk", "mawk"}
	}
	return nil
}

// Version is what a program says of itself, in its first line; "" where it cannot be asked.
func (w Way) Version() string {
	if w.program == "" {
		return ""
	}
	out, err := command(w.program, "-V").Output()
	if err != nil && len(out) == 0 {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

// The awk programs count a column, without the lines above the table.
const (
	awkSS      = `NR > 1 { n[$1]++ } END { for (s in n) print n[s], s }`
	awkNetstat = `NR > 2 { n[$6]++ } END { for (s in n) print n[s], s }`
)

func (c *Counter) ssAwk() (Count, error) {
	return piped(command("ss", "-tan"), command("awk", awkSS), stateCounts)
}

func (c *Counter) netstatAwk() (Count, error) {
	return piped(command("netstat", "-ant"), command("awk", awkNetstat), stateCounts)
}

func (c *Counter) ssSummary() (Count, error) { return piped(command("ss", "-s"), nil, summary) }

// command runs a program with the messages that it has of its own.
func command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env = append(c.Environ(), "LC_ALL=C")
	return c
}

// piped runs a program into another one, nil for none, and reads what comes out at the end. Both are started by this
// thread, and so in its namespace; what they took is theirs and their children's (wait4).
func piped(first, second *exec.Cmd, read func([]byte) (Seen, error)) (Count, error) {
	var out bytes.Buffer
	wall := time.Now()
	commands := []*exec.Cmd{first}
	if first.Stdout = &out; second != nil {
		r, w, err := os.Pipe()
		if err != nil {
			return Count{}, err
		}
		defer r.Close() //nolint:errcheck // only read from
		defer w.Close() //nolint:errcheck // closed before where it matters
		first.Stdout, second.Stdin, second.Stdout = w, r, &out
		commands = append(commands, second)
		if err := second.Start(); err != nil {
			return Count{}, err
		}
		err = errors.Join(first.Run(), w.Close())
		if waited := second.Wait(); err == nil {
			err = waited
		}
		if err != nil {
			return Count{}, err
		}
	} else if err := first.Run(); err != nil {
		return Count{}, err
	}
	n := Count{Wall: time.Since(wall)}
	for _, c := range commands {
		n.CPU += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	var err error
	n.Seen, err = read(out.Bytes())
	return n, err
}

// stateCounts reads lines of a number and a state in the spelling of ss or netstat.
func stateCounts(text []byte) (Seen, error) {
	counts := record.Counts{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) != 2 {
			return Seen{}, fmt.Errorf("%q is no number of sockets in a state", line)
		}
		n, err := strconv.ParseInt(words[0], 10, 64)
		state, known := record.ParseState(words[1])
		if _, twice := counts[state]; err != nil || n < 0 || !known || twice {
			return Seen{}, fmt.Errorf("%q is no number of sockets in a state", line)
		}
		counts[state] = n
	}
	return Seen{States: counts}, nil
}

// summary reads the line of ss -s that begins with TCP: "TCP:   12 (estab 3, closed 7, orphaned 0, timewait 7)".
func summary(text []byte) (seen Seen, err error) {
	for line := range strings.Lines(string(text)) {
		rest, found := strings.CutPrefix(line, "TCP:")
		if !found {
			continue
		}
		for part := range strings.SplitSeq(rest, ",") {
			_, part, _ = cutLast(part, "(")
			words := strings.Fields(strings.TrimRight(strings.TrimSpace(part), ")"))
			if len(words) != 2 {
				continue
			}
			n, err := strconv.ParseInt(words[1], 10, 64)
			switch {
			case err != nil || n < 0:
				return Seen{}, fmt.Errorf("%q is no number of sockets", part)
			case words[0] == "estab":
				seen.Estab = &n
			case words[0] == "timewait":
				seen.TW = &n
			}
		}
	}
	if seen.Estab == nil || seen.TW == nil {
		return Seen{}, errors.New("no line TCP with estab and timewait")
	}
	return seen, nil
}

// cutLast cuts around the last sep; where there is none all of it is after.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
