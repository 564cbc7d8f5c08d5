//go:build linux

package probe

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

const (
	// Baseline is for how long calls are made before the load, so that there is something to hold the rest against.
	Baseline = 500 * time.Millisecond
	// quietLimit is how long the last segments of the calls may take to arrive; on a busy machine a reset waits its turn.
	quietLimit = 5 * time.Second
)

// Canaries are the services and callers of one side. Its methods are safe for use by several goroutines.
type Canaries struct {
	plan     Plan
	services *services
	lines    []*line
	books    []*book
	calling  sync.WaitGroup
	mu       sync.Mutex
	stop     context.CancelFunc // nil while nobody calls
	epoch    int64
}

// Open opens the services. What they need of this kernel is tried here.
func Open(p Plan) (*Canaries, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	c := &Canaries{plan: p}
	for _, caller := range p.Callers {
		l, err := newLine(caller)
		if err != nil {
			c.Close()
			return nil, err
		}
		c.lines = append(c.lines, l)
		c.books = append(c.books, newBook(caller))
	}
	var err error
	if c.services, err = serve(p.Services, 4*p.Timeout.Std()+time.Second); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Start begins to call. epoch is the start of the load on CLOCK_MONOTONIC, in nanoseconds, which times are told from; 0 is
// before the load, and nothing that is called until the next Start counts.
func (c *Canaries) Start(epoch int64) error { return c.startHere(epoch, func() {}) }

// startHere is Start with something that each caller's thread does first.
func (c *Canaries) startHere(epoch int64, enter func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		return errors.New("canaries: calling already")
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop, c.epoch = stop, epoch
	anchor := epoch
	if anchor == 0 {
		anchor = linux.Nano()
	}
	for i := range c.lines {
		c.calling.Go(func() {
			runtime.LockOSThread() // never unlocked: no other goroutine is waited for, and the thread ends with the caller
			enter()
			c.keepCalling(ctx, i, anchor, epoch != 0)
		})
	}
	return nil
}

// keepCalling calls at its turn in each period, and passes over the turns that a slow call took.
func (c *Canaries) keepCalling(ctx context.Context, i int, anchor int64, counts bool) {
	l, b, every := c.lines[i], c.books[i], int64(c.plan.Every)
	for next := anchor + int64(l.Offset); sleepUntil(ctx, next); next = following(next, every) {
		at := linux.Nano()
		f := l.call(c.plan.Timeout.Std())
		b.note(at, l.over-at, f, counts)
		if l.whole && counts {
			b.whole++
		}
	}
}

// following is the next turn that has not gone by.
func following(turn, every int64) int64 {
	late := max(0, linux.Nano()-turn)
	return turn + every*(late/every+1)
}

func sleepUntil(ctx context.Context, at int64) bool {
	t := time.NewTimer(time.Duration(at - linux.Nano()))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Stop ends the calling: a call under way comes to its end first, by its time limit at the latest. Then it waits until
// nothing of any call is on its way here, also of those that others make: what the kernel counts of it is counted.
func (c *Canaries) Stop() error {
	c.silence()
	return c.quiet()
}

func (c *Canaries) silence() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
		c.calling.Wait()
		c.stop = nil
	}
}

// quiet waits until no socket of a canary stands here but those that listen.
func (c *Canaries) quiet() error {
	diag, err := linux.OpenDiag()
	if err != nil {
		return err
	}
	defer diag.Close() //nolint:errcheck // only read from
	const standing = linux.DiagAllStates &^ (1<<linux.DiagTimeWait | 1<<linux.DiagListen)
	for end := time.Now().Add(quietLimit); ; time.Sleep(time.Millisecond) {
		left := 0
		for _, ipv6 := range []bool{false, true} {
			q := linux.DiagQuery{IPv6: ipv6, States: standing, Marks: true}
			err := diag.Dump(q, func(r *linux.DiagRow) {
				if r.Mark == Mark || c.plan.Guest.IsValid() && r.DestAddr().Unmap() == c.plan.Guest {
					left++
				}
			})
			switch {
			case errors.Is(err, linux.ErrDumpInterrupted):
				left++ // look again
			case err != nil && !ipv6: // a kernel without IPv6 has none
				return err
			}
		}
		if left == 0 || time.Now().After(end) {
			return nil // what does not go is trouble of the host's own, and the calls have told it
		}
	}
}

// Close ends the calling and the services.
func (c *Canaries) Close() {
	c.silence()
	for _, l := range c.lines {
		l.poller.Close()
	}
	c.lines = nil
	if c.services != nil {
		c.services.close()
	}
}

// Result tells what was seen; it may be asked for after Stop.
func (c *Canaries) Result() (Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	epoch := c.epoch
	if epoch == 0 {
		epoch = linux.Nano() // the load has not begun
	}
	r := Result{Canaries: []record.Canary{}, Counted: []int64{}, Whole: []int64{}}
	for _, b := range c.books {
		canary, err := b.record(epoch)
		if err != nil {
			return Result{}, err
		}
		r.Canaries = append(r.Canaries, canary)
		r.Counted, r.Whole = append(r.Counted, b.counted), append(r.Whole, b.whole)
	}
	return r, nil
}
