//go:build linux

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"twomsl/internal/linux"
)

const (
	// crewAsks is how often the parts are asked how far they are.
	crewAsks = 50 * time.Millisecond
	// crewPatience bounds every request to a part; one that ends its workers may take finishLimit.
	crewPatience = 2 * finishLimit
	// crewExit is how long a part's exit is waited for where its connection broke: how it ended says more than that.
	crewExit = 10 * time.Second
)

// crew is a side that needs more descriptors than one process may have: further processes of this program in the side's
// namespace, each a peer that carries out its share of the plan and is told over the control protocol. This process
// samples, shares out and adds up. A part ends when its connection to this process does, whatever ends this one.
type crew struct {
	side  string
	parts []*part
	done  chan struct{} // closed when the load is over, or cannot go on
	over  sync.Once
	home  chan struct{} // closed when the parts are to end: from then on it is no news that one does
	leave sync.Once

	mu  sync.Mutex
	err error // why the crew could not work
}

// part is one of the processes.
type part struct {
	name   string     // the client's process 2 of 3
	pid    int        // as the host sees it
	mu     sync.Mutex // one request at a time
	remote *Remote
	ended  chan struct{} // closed when the process has ended, which how tells
	how    string
	seen   atomic.Pointer[Progress]
}

// muster starts the parts, and gives each its share to prepare.
func muster(p Prepare, side string, share func(i int, of *Prepare)) (*crew, error) {
	c := &crew{side: side, done: make(chan struct{}), home: make(chan struct{})}
	for i := range p.Processes {
		one, err := enlist(p.Program, fmt.Sprintf("%s-%d", side, i+1), fmt.Sprintf("%s's process %d of %d", side, i+1, p.Processes))
		if err != nil {
			c.dismiss()
			return nil, err
		}
		c.parts = append(c.parts, one)
	}
	err := c.each(func(i int, one *part) error {
		mine := Prepare{Part: true, Descriptors: p.Descriptors, Watch: Watch{Tuples: []Tuple{}}}
		share(i, &mine)
		_, err := askPart(one, func(ctx context.Context, r *Remote) (Ready, error) { return r.Prepare(ctx, mine) })
		return err
	})
	if err != nil {
		c.dismiss()
		return nil, err
	}
	for _, one := range c.parts {
		go c.watch(one)
	}
	return c, nil
}

// enlist starts one process in this one's namespaces.
func enlist(p Program, arg, name string) (*part, error) {
	fds, err := linux.SocketPair()
	if err != nil {
		return nil, err
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "part")
	defer mine.Close() // FileConn makes its own descriptor
	conn, err := net.FileConn(mine)
	if err != nil {
		theirs.Close()
		return nil, fmt.Errorf("the %s: control connection: %w", name, err)
	}
	cmd := exec.Command(p.Path, append(append([]string{}, p.Args...), arg)...)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr // the conductor keeps this process's last words, and so the part's
	err = cmd.Start()
	theirs.Close() // else nobody would see the part's end of it close
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the %s: %w", name, err)
	}
	one := &part{name: name, remote: NewRemote("the "+name, conn), ended: make(chan struct{})}
	one.seen.Store(&Progress{})
	go func() {
		one.how = "it ended by itself"
		if err := cmd.Wait(); err != nil {
			one.how = err.Error()
		}
		close(one.ended)
	}()
	hello, err := askPart(one, func(ctx context.Context, r *Remote) (Hello, error) { return r.Hello(ctx) })
	if err != nil {
		conn.Close()
		return nil, err
	}
	one.pid = hello.PID
	return one, nil
}

// askPart makes a request to a part; where it is gone, its end is the answer.
func askPart[Out any](p *part, ask func(context.Context, *Remote) (Out, error)) (Out, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), crewPatience)
	defer cancel()
	out, err := ask(ctx, p.remote)
	if !errors.Is(err, ErrLost) {
		return out, err
	}
	select {
	case <-p.ended:
		return out, p.exit()
	case <-time.After(crewExit):
		return out, err
	}
}

func (p *part) exit() error { return fmt.Errorf("the %s (pid %d) has ended: %s", p.name, p.pid, p.how) }

// each does something with all parts at the same time.
func (c *crew) each(do func(i int, p *part) error) error {
	errs := make([]error, len(c.parts))
	var all sync.WaitGroup
	for i, p := range c.parts {
		all.Go(func() { errs[i] = do(i, p) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// tell makes a request to all parts that has no answer.
func (c *crew) tell(ask func(ctx context.Context, i int, r *Remote) error) {
	err := c.each(func(i int, p *part) error {
		_, err := askPart(p, func(ctx context.Context, r *Remote) (none, error) { return none{}, ask(ctx, i, r) })
		return err
	})
	if err != nil {
		c.end(err)
	}
}

// watch takes note of a part that ends before its time, also when the load is over and its connections stand.
func (c *crew) watch(p *part) {
	select {
	case <-p.ended:
		select {
		case <-c.home:
		default:
			c.end(p.exit())
		}
	case <-c.home:
	}
}

// follow asks the parts how far they are until nobody needs to know any more, or all have come to their end.
func (c *crew) follow(untilDone bool) {
	for {
		all := untilDone
		err := c.each(func(_ int, p *part) error {
			now, err := askPart(p, func(ctx context.Context, r *Remote) (Progress, error) { return r.Progress(ctx, 0) })
			if err == nil {
				p.seen.Store(&now)
			}
			return err
		})
		for _, p := range c.parts {
			all = all && p.seen.Load().Done
		}
		if err != nil || all {
			c.end(err)
			return
		}
		select {
		case <-c.done:
			return
		case <-c.home:
			return
		case <-time.After(crewAsks):
		}
	}
}

// end is that of the load: nil where all parts did what they were to. The first error stays.
func (c *crew) end(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.over.Do(func() { close(c.done) })
}

// goHome tells that the parts may end from now on.
func (c *crew) goHome() { c.leave.Do(func() { close(c.home) }) }

// dismiss lets the parts go: a part leaves when its connection closes.
func (c *crew) dismiss() {
	c.goHome()
	for _, p := range c.parts {
		p.remote.conn.Close()
	}
}

func (c *crew) Done() <-chan struct{} { return c.done }

// Err may be asked for after Done, and again: a part may end while its connections stand.
func (c *crew) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// progress adds up what the parts told last.
func (c *crew) progress() (sum Progress) {
	for _, part := range c.parts {
		p := part.seen.Load()
		sum.Opened, sum.OK, sum.Failed = sum.Opened+p.Opened, sum.OK+p.OK, sum.Failed+p.Failed
		sum.Exhausted = sum.Exhausted || p.Exhausted
	}
	return sum
}
