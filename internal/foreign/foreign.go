//go:build linux

// Package foreign is a server, or a proxy, that nobody here wrote: it is started on its side's host, waited for until it
// listens, asked what it answers, and ended with the side that started it.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"twomsl/internal/connects"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// Server is a command that was started.
type Server struct {
	name   string
	line   string
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // how it ended; read after ended
	asked  atomic.Bool
	listen netip.AddrPort

	watch     *connects.Watch // nil where nobody asked, and where the kernel refuses, as unwatched says
	unwatched string
}

// What the command finds in its environment.
const (
	AddressVar = "TWOMSL_ADDRESS"
	PortVar    = "TWOMSL_PORT"
	// The server that a proxy is to pass connections on to.
	ServerAddressVar = "TWOMSL_SERVER_ADDRESS"
	ServerPortVar    = "TWOMSL_SERVER_PORT"
)

// Options say what is started.
type Options struct {
	Name   string         // the field that says it, for errors
	Line   string         // for the shell
	Listen netip.AddrPort // where the command is to listen; it finds that in AddressVar and PortVar
	Server netip.AddrPort // whom a proxy is to call; it finds that in ServerAddressVar and ServerPortVar. Not valid: it is none
	// Root is the directory that the command has for its /, or a bundle (internal/bundle); "" is this process's own. Program
	// is then how this program is started again to call Enter.
	Root    string
	Program []string
	// Watch has its connect() calls watched; nil: they are not.
	Watch *connects.Plan
}

// Start runs a line by the shell, in this process's namespaces and in a process group of its own. Its output goes to this
// process's standard error, where the conductor keeps its end.
func Start(o Options) (*Server, error) {
	s := &Server{name: o.Name, line: o.Line, ended: make(chan struct{}), listen: o.Listen}
	start := s.startHere
	switch {
	case o.Root != "":
		start = s.startInside
	case strings.HasPrefix(o.Line, sigil):
		start = s.startReady
	}
	if o.Watch != nil {
		start = s.watched(start)
	}
	if err := start(o); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

// watched has a command started by a thread that has the filter, and so hands it on, and that ends then: a thread that is
// locked to a goroutine which returns is not used again.
func (s *Server) watched(start func(Options) error) func(Options) error {
	return func(o Options) error {
		done := make(chan error)
		go func() {
			runtime.LockOSThread()
			var err error
			if s.watch, err = connects.Begin(*o.Watch); err != nil {
				s.unwatched = err.Error()
			}
			done <- start(o)
		}()
		return <-done
	}
}

// Forget leaves the connect() calls so far out of what Connects tells.
func (s *Server) Forget() {
	if s.watch != nil {
		s.watch.Forget()
	}
}

// Connects tells of the command's connect() calls, as a side's, from an epoch on (CLOCK_MONOTONIC, ns); else why it cannot.
func (s *Server) Connects(side string, epoch int64) (told *connects.Told, unwatched string) {
	if s.watch == nil {
		return nil, s.unwatched
	}
	return new(s.watch.End(side, epoch)), ""
}

func (s *Server) startHere(o Options) error {
	s.cmd = exec.Command("/bin/sh", "-c", o.Line)
	s.cmd.Env = append(s.cmd.Environ(), o.told()...)
	s.cmd.Stdout, s.cmd.Stderr = os.Stderr, os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("%s %q: %w", o.Name, o.Line, err)
	}
	return nil
}

// told is what the command's environment says of where it is to listen.
func (o Options) told() []string {
	out := []string{AddressVar + "=" + o.Listen.Addr().String(), fmt.Sprintf("%s=%d", PortVar, o.Listen.Port())}
	if o.Server.IsValid() {
		out = append(out, ServerAddressVar+"="+o.Server.Addr().String(), fmt.Sprintf("%s=%d", ServerPortVar, o.Server.Port()))
	}
	return out
}

const (
	// listenLimit bounds how long a server may take to listen.
	listenLimit = 30 * time.Second
	lookEvery   = 20 * time.Millisecond
)

// AwaitListening returns once a socket listens where the server was told to. A command that has ended well may have left a
// daemon behind, which is waited for.
func (s *Server) AwaitListening(ctx context.Context) error {
	limit := time.NewTimer(listenLimit)
	defer limit.Stop()
	for {
		there, err := listening(s.listen.Port())
		if err != nil || there {
			return err
		}
		if err := s.Err(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return fmt.Errorf("%s %q: nothing listens at port %d after %v: does it listen at $%s:$%s?",
				s.name, s.line, s.listen.Port(), listenLimit, AddressVar, PortVar)
		case <-time.After(lookEvery):
		}
	}
}

// Err tells why a server that has ended by itself did so; nil while it runs, where it went on as a daemon, and once Stop
// was called.
func (s *Server) Err() error {
	select {
	case <-s.ended:
	default:
		return nil
	}
	if s.err == nil || s.asked.Load() {
		return nil
	}
	return fmt.Errorf("%s %q has ended: %w", s.name, s.line, s.err)
}

// Stop ends the command and what it started in its process group. What has left the group ends with the lab.
func (s *Server) Stop() {
	s.asked.Store(true)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(-s.cmd.Process.Pid, sig); errors.Is(err, syscall.ESRCH) {
			return
		}
		select {
		case <-s.ended:
		case <-time.After(time.Second):
		}
	}
}

// listening tells whether a socket of this namespace listens at the port.
func listening(port uint16) (bool, error) {
	split, err := sample.Once(sample.Filter{BothFamilies: true, LocalPort: port, CountsOnly: true})
	if err != nil {
		return false, err
	}
	return split.Counts[record.Listen] > 0, nil
}
