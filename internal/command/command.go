//go:build linux

// Package command is a client that nobody here wrote: a line for the shell is started on the client's host, its connect()
// calls are watched from outside, and what it came to is told as any client's is.
package command

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"twomsl/client"
	"twomsl/internal/connects"
	"twomsl/internal/foreign"
	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Plan is what is started, and what it is to call.
type Plan struct {
	Line string `json:"line"`
	// Sources and Destinations make the tuples, source by source; the first destination is what the command is told.
	Sources      []netip.Addr      `json:"sources"`
	Destinations []netip.AddrPort  `json:"destinations"`
	Until        scenario.Duration `json:"until"` // it is ended then
}

// URLVar is in the command's environment beside foreign.AddressVar and foreign.PortVar.
const URLVar = "TWOMSL_URL"

// Command is one line, run once. It is a client.Engine.
type Command struct {
	plan  Plan
	cmd   *exec.Cmd
	epoch int64

	watch     atomic.Pointer[connects.Watch] // nil before the start, and where the kernel refuses one, as unwatched says
	unwatched string

	stop   chan struct{} // closed by the first Stop
	once   sync.Once
	reason string // of that
	abort  chan struct{}
	aborts sync.Once

	ended chan struct{} // the shell has
	done  chan struct{}
	err   error
	told  client.Result
}

// New starts nothing yet.
func New(plan Plan) *Command {
	c := &Command{
		plan: plan, stop: make(chan struct{}), abort: make(chan struct{}), ended: make(chan struct{}), done: make(chan struct{}),
	}
	to := plan.Destinations[0]
	c.cmd = exec.Command("/bin/sh", "-c", plan.Line)
	c.cmd.Env = append(c.cmd.Environ(), foreign.AddressVar+"="+to.Addr().String(), fmt.Sprintf("%s=%d", foreign.PortVar, to.Port()),
		URLVar+"=http://"+to.String()+"/")
	c.cmd.Stdout, c.cmd.Stderr = os.Stderr, os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

// Start has the command begin at epoch.
func (c *Command) Start(epoch int64) {
	c.epoch = epoch
	go func() {
		defer close(c.done)
		c.err = c.run()
	}()
}

func (c *Command) run() error {
	if err := linux.Adopt(); err != nil {
		return c.said(err)
	}
	for linux.Nano() < c.epoch {
		linux.Pause(time.Duration(c.epoch - linux.Nano()))
	}
	before, err := used()
	if err != nil {
		return c.said(err)
	}
	started := make(chan error)
	go c.launch(started)
	if err := <-started; err != nil {
		return c.said(err)
	}
	by := c.await()
	at := linux.Nano()
	if err := c.endGroup(); err != nil {
		return c.said(err)
	}
	after, err := used()
	if err != nil {
		return c.said(err)
	}
	return c.tell(by, at, before, after)
}

func (c *Command) said(err error) error { return fmt.Errorf("client.command %q: %w", c.plan.Line, err) }

// launch starts the command on a thread that has the filter, and so hands it on, and that ends with this goroutine: a thread
// that is locked to a goroutine which returns is not used again.
func (c *Command) launch(started chan<- error) {
	runtime.LockOSThread()
	if w, err := connects.Begin(connects.Plan{Sources: c.plan.Sources, Destinations: c.plan.Destinations}); err != nil {
		c.unwatched = err.Error()
	} else {
		c.watch.Store(w)
	}
	if err := c.cmd.Start(); err != nil {
		started <- err
		return
	}
	go func() {
		c.cmd.Wait() //nolint:errcheck // how it ended is in ProcessState
		close(c.ended)
	}()
	started <- nil
}

const (
	reapEvery = 50 * time.Millisecond
	// grace is what is left to a command between SIGTERM and SIGKILL.
	grace = time.Second
	// endLimit is how long the kernel may take to end what was killed.
	endLimit = 5 * time.Second
)

// await waits until the command has ended or is to be ended, and tells by what.
func (c *Command) await() (by string) {
	until := time.NewTimer(time.Duration(c.epoch + int64(c.plan.Until) - linux.Nano()))
	defer until.Stop()
	reap := time.NewTicker(reapEvery)
	defer reap.Stop()
	for {
		select {
		case <-c.ended:
			return "command"
		case <-c.stop:
			return c.reason
		case <-until.C:
			return "after"
		case <-reap.C:
			linux.Reap(c.cmd.Process.Pid) // what lost its parent would stay a zombie
		}
	}
}

// endGroup ends what is left of the command's process group; what has left the group ends with the lab.
func (c *Command) endGroup() error {
	if c.gone(0, nil) {
		return nil
	}
	if !closed(c.abort) {
		c.signal(syscall.SIGTERM)
		if c.gone(grace, c.abort) {
			return nil
		}
	}
	c.signal(syscall.SIGKILL)
	if !c.gone(endLimit, nil) {
		return fmt.Errorf("it does not end %v after SIGKILL", endLimit)
	}
	return nil
}

func (c *Command) signal(s syscall.Signal) {
	syscall.Kill(-c.cmd.Process.Pid, s) //nolint:errcheck // gone tells what came of it
}

// gone waits for the group's end, and tells whether it has come.
func (c *Command) gone(within time.Duration, giveUp <-chan struct{}) bool {
	for end := time.Now().Add(within); ; time.Sleep(time.Millisecond) {
		left := linux.Reap(c.cmd.Process.Pid) || !errors.Is(syscall.Kill(-c.cmd.Process.Pid, 0), syscall.ESRCH)
		if closed(c.ended) && !left {
			return true
		}
		if !time.Now().Before(end) || giveUp != nil && closed(giveUp) {
			return false
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// used is the processor time of all that this namespace's processes and those that have ended took, this process excepted.
func used() (record.CPU, error) {
	sum, err := foreign.CPU()
	user, system := linux.ChildrenCPU()
	sum.UserSeconds += user.Seconds()
	sum.SystemSeconds += system.Seconds()
	return sum, err
}

// Stop ends the command: SIGTERM, and SIGKILL a second later.
func (c *Command) Stop(reason string) {
	c.once.Do(func() {
		c.reason = reason
		close(c.stop)
	})
}

// Abort ends it by SIGKILL.
func (c *Command) Abort(reason string) {
	c.aborts.Do(func() { close(c.abort) })
	c.Stop(reason)
}

// SetLimit and SetGate mean nothing to it: it opens what it likes.
func (c *Command) SetLimit(int64) {}

// SetGate is SetLimit.
func (c *Command) SetGate(int64) {}

// Release has nothing to close: the connections were the command's.
func (c *Command) Release() {}

// Drop is Release.
func (c *Command) Drop() {}

// Done is closed when the command has ended, and its process group with it.
func (c *Command) Done() <-chan struct{} { return c.done }

// Err tells, after Done, why it could not be run.
func (c *Command) Err() error { return c.err }
