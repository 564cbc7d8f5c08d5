//go:build linux

package exchange

import (
	"context"
	"sync"
)

// Barrier holds goroutines back by number until it is raised beyond theirs. It is safe for use by several.
type Barrier struct {
	mu    sync.Mutex
	below int64
	moved chan struct{} // closed when below changes
}

// NewBarrier lets numbers below the one given pass.
func NewBarrier(below int64) *Barrier { return &Barrier{below: below, moved: make(chan struct{})} }

// Raise lets numbers below the one given pass.
func (b *Barrier) Raise(below int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.below = below
	close(b.moved)
	b.moved = make(chan struct{})
}

// Passes tells whether a number may pass now; moved is closed when that may have changed.
func (b *Barrier) Passes(n int64) (passes bool, moved <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return n < b.below, b.moved
}

// Wait returns when the number may pass, or with the context's error.
func (b *Barrier) Wait(ctx context.Context, n int64) error {
	for {
		passes, moved := b.Passes(n)
		if passes {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
