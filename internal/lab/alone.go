//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"twomsl/internal/scenario"
)

// Alone starts one side on this host, as it is: no namespace is made, so that it takes no right to make one. The process
// leaves when its control connection closes, which it does when this program ends, however that ends.
func Alone(side string, p Program) (*Lab, error) {
	l := newLab(scenario.Host)
	l.only = &l.Client
	if side == l.Server.Name {
		l.only = &l.Server
	}
	if err := l.spawnAlone(p); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Lab) spawnAlone(p Program) error {
	conn, theirs, err := pair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	l.only.Control = conn
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("pipe for a peer's standard error: %w", err)
	}
	defer w.Close()
	cmd := exec.Command(p.Path, append(append([]string{}, p.Peer...), l.only.Name)...)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{theirs}, w   // theirs is ControlFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as in attributes
	if err := cmd.Start(); err != nil {
		r.Close()
		return fmt.Errorf("the program cannot start itself again: %w", err)
	}
	l.init = cmd
	l.busy.Go(func() { l.only.stderr.keep(r) })
	l.busy.Go(l.wait)
	return nil
}
