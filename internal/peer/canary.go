//go:build linux

package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"

	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/probe"
)

// Canaries asks a side for its canaries' services and callers. On the client's side Alias tells the same-tuple canary
// from the load.
type Canaries struct {
	Plan  probe.Plan `json:"plan"`
	Alias *lab.Alias `json:"alias"`
}

// canary is the process in which a side's canaries live. It is one of their own, as sshd and a resolver are: what the
// load uses up of its process, descriptors and processor time, is not theirs. It speaks the control protocol with the
// peer as the peer does with the conductor.
type canary struct {
	mu     sync.Mutex
	remote *Remote         // in the peer
	cmd    *exec.Cmd       // in the peer
	birds  *probe.Canaries // in the process itself
}

// routes serves both: what the conductor asks of the peer, and what the peer asks of the process.
func (c *canary) routes(mux *http.ServeMux) {
	route(mux, "canaries", c.open)
	route(mux, "canaries-call", func(ctx context.Context, s Start) (none, error) { return pass[none](ctx, c, "probe-call", s) })
	route(mux, "canaries-hush", func(ctx context.Context, n none) (probe.Result, error) {
		return pass[probe.Result](ctx, c, "probe-hush", n)
	})
	route(mux, "probe", c.probe)
	route(mux, "probe-call", c.call)
	route(mux, "probe-hush", c.hush)
}

// pass hands a request on to the process.
func pass[Out any](ctx context.Context, c *canary, name string, in any) (out Out, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.remote == nil {
		return out, errNoCanaries
	}
	return ask[Out](ctx, c.remote, name, in)
}

// opened gives the process's canaries.
func (c *canary) opened() (*probe.Canaries, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.birds == nil {
		return nil, errNoCanaries
	}
	return c.birds, nil
}

var errNoCanaries = errors.New("no canaries are prepared")

func (c *canary) open(ctx context.Context, o Canaries) (none, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.remote != nil {
		return none{}, errors.New("canaries: prepared already: one process serves one run")
	}
	if err := o.Plan.Check(); err != nil {
		return none{}, err
	}
	if o.Alias != nil {
		if err := lab.SetAlias(*o.Alias); err != nil {
			return none{}, err
		}
	}
	if err := c.spawn(); err != nil {
		return none{}, fmt.Errorf("canaries' process: %w", err)
	}
	return ask[none](ctx, c.remote, "probe", o.Plan)
}

// spawn starts this program again, as it was started itself; the process inherits the namespace. It ends with the
// connection, and with the lab.
func (c *canary) spawn() error {
	text, err := os.ReadFile(procSelf + "/cmdline")
	if err != nil {
		return err
	}
	args := strings.Split(string(bytes.TrimRight(text, "\x00")), "\x00")[1:]
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("this process was not started as a peer: %q", args)
	}
	fds, err := linux.SocketPair()
	if err != nil {
		return err
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), "canaries"), os.NewFile(uintptr(fds[1]), "control")
	defer mine.Close() // FileConn makes its own descriptor
	defer theirs.Close()
	conn, err := net.FileConn(mine)
	if err != nil {
		return err
	}
	c.cmd = exec.Command(procSelf+"/exe", args...)
	c.cmd.ExtraFiles, c.cmd.Stderr = []*os.File{theirs}, os.Stderr
	if err := c.cmd.Start(); err != nil {
		conn.Close()
		c.cmd = nil
		return err
	}
	c.remote = NewRemote("canaries", conn)
	return nil
}

func (c *canary) probe(_ context.Context, p probe.Plan) (_ none, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.birds != nil {
		return none{}, errors.New("canaries: prepared already")
	}
	c.birds, err = probe.Open(p)
	return none{}, err
}

func (c *canary) call(_ context.Context, s Start) (none, error) {
	birds, err := c.opened()
	if err != nil {
		return none{}, err
	}
	return none{}, birds.Start(s.Epoch)
}

func (c *canary) hush(context.Context, none) (probe.Result, error) {
	birds, err := c.opened()
	if err != nil {
		return probe.Result{}, err
	}
	if err := birds.Stop(); err != nil {
		return probe.Result{}, err
	}
	return birds.Result()
}

// end ends the process, or what runs in it.
func (c *canary) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.birds != nil {
		c.birds.Close()
	}
	if c.cmd != nil {
		c.remote.conn.Close()
		c.cmd.Wait() //nolint:errcheck // nobody is left to be told
	}
}

// Canaries opens the side's canaries.
func (r *Remote) Canaries(ctx context.Context, c Canaries) error {
	return r.call(ctx, "canaries", c, &none{})
}

// CallCanaries lets the side's callers begin, in periods that are counted from the start of the load; epoch 0 is before it.
func (r *Remote) CallCanaries(ctx context.Context, s Start) error {
	return r.call(ctx, "canaries-call", s, &none{})
}

// HushCanaries ends the calling and tells what has been seen so far. It may be asked again: what the other side's callers
// had on its way has come to its end then, too.
func (r *Remote) HushCanaries(ctx context.Context) (probe.Result, error) {
	return ask[probe.Result](ctx, r, "canaries-hush", none{})
}
