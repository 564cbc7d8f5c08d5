//go:build linux

package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"twomsl/internal/bundle"
	"twomsl/internal/linux"
)

// A command with a root of its own runs in a mount namespace that holds nothing but what Enter mounts there. Go cannot mount
// between clone and exec, so this program starts itself again in the new namespace, is told its order by a pipe, mounts,
// and becomes the command. The namespace ends with its last process: nothing is mounted on the host, at any time.

// The descriptors that the program finds when it is started again.
const (
	orderFD  = 3
	answerFD = 4
)

// order is what Start tells Enter.
type order struct {
	Line    string         `json:"line"`
	Root    string         `json:"root"`
	Told    []string       `json:"told"`
	Process bundle.Process `json:"process"`
	// Ready is a program with a configuration of ours, which has no root of its own.
	Ready *ready `json:"ready"`
	// NoOverlay leaves the overlay out, as where the kernel has none: for tests.
	NoOverlay bool `json:"no_overlay"`
}

// answer is why the command could not be started; where it was, the pipe closes without one.
type answer struct {
	Text   string `json:"text"`
	Cannot bool   `json:"cannot"`
}

// UnavailableError says that this machine forbids what a root of its own takes, and the remedy.
type UnavailableError struct{ Text string }

func (e *UnavailableError) Error() string {
	return e.Text + ": server.root and @NAME take the right to mount, and an overlay, bind mount or tmpfs: run as root or let ordinary " +
		"users make user namespaces; in a container add CAP_SYS_ADMIN, and AppArmor and seccomp profiles that allow mount; or leave " +
		"server.root out, and give a command with a configuration of its own"
}

// enterLimit bounds how long the mounts may take.
const enterLimit = 20 * time.Second

// noOverlay is set by tests.
var noOverlay bool

func (s *Server) startInside(o Options) error {
	root, process, err := bundle.Open(o.Root)
	if err != nil {
		return fmt.Errorf("server.root: %w", err)
	}
	return s.startApart(o, "server.root "+o.Root, order{Line: o.Line, Root: root, Told: o.told(), Process: process, NoOverlay: noOverlay})
}

// startReady starts a program with a configuration of ours.
func (s *Server) startReady(o Options) error {
	r, err := o.prepared()
	if err != nil {
		return err
	}
	return s.startApart(o, o.Name+" "+o.Line, order{Told: o.told(), Ready: r})
}

// startApart starts this program again in a mount namespace of its own, to carry an order out.
func (s *Server) startApart(o Options, what string, order order) error {
	tell, hear, release, err := s.prepare(o)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer hear.Close() //nolint:errcheck // only read from
	err = s.cmd.Start()
	release() // the other ends: the command's are its own now
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", what, err), tell.Close())
	}
	err = errors.Join(json.NewEncoder(tell).Encode(order), tell.Close(), hear.SetReadDeadline(time.Now().Add(enterLimit)))
	var a answer
	if text, readErr := io.ReadAll(io.LimitReader(hear, 1<<16)); readErr != nil || len(text) > 0 {
		err = errors.Join(readErr, json.Unmarshal(append(text, " "...), &a))
	}
	if err == nil && a.Text == "" {
		return nil
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // it may have ended by itself
	_ = s.cmd.Wait()
	switch {
	case a.Cannot:
		return &UnavailableError{fmt.Sprintf("%s: %s", what, a.Text)}
	case a.Text != "":
		return fmt.Errorf("%s: %s", what, a.Text)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// prepare makes the command and its pipes. release closes this process's copies of what the command gets.
func (s *Server) prepare(o Options) (tell, hear *os.File, release func(), err error) {
	orderIn, tell, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	hear, answerOut, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, errors.Join(err, orderIn.Close(), tell.Close())
	}
	s.cmd = exec.Command(o.Program[0], o.Program[1:]...)
	s.cmd.ExtraFiles = []*os.File{orderIn, answerOut}
	s.cmd.Stdout, s.cmd.Stderr = os.Stderr, os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Cloneflags: linux.CloneNewNS}
	return tell, hear, func() { orderIn.Close(); answerOut.Close() }, nil
}

// Enter makes this process the command that Start was asked for, in its root. It comes back only where that fails; the error
// says that Start could not be told why.
func Enter() error {
	linux.CloseOnExec(orderFD)
	linux.CloseOnExec(answerFD)
	in, out := os.NewFile(orderFD, "order"), os.NewFile(answerFD, "answer")
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return err
	}
	become := o.carryOut
	if o.Ready != nil {
		become = func() error { return o.Ready.carryOut(o.Told) }
	}
	err := become()
	var mount *linux.MountError
	return json.NewEncoder(out).Encode(answer{Text: err.Error(), Cannot: errors.As(err, &mount)})
}
