//go:build linux

package peer

import (
	"context"
	"errors"

	"twomsl/internal/lab"
	"twomsl/internal/sample"
)

// vanish is the end of a client's host: first the link, so that nobody is told, then its sockets. Counters are those of
// the moment before.
func (a *agent) vanish(_ context.Context, v Vanish) (none, error) {
	if err := a.ready(true); err != nil {
		return none{}, err
	}
	for _, c := range a.clients() {
		if !closed(c.Done()) {
			return none{}, errors.New("vanish: the load is not over")
		}
	}
	if v.OffLink {
		if err := lab.Vanish(); err != nil {
			return none{}, err
		}
		var err error
		if a.last, err = sample.Counters(procSelf); err != nil {
			return none{}, err
		}
	}
	for _, c := range a.clients() {
		c.Drop()
	}
	if a.sampler == nil {
		return none{}, nil
	}
	return none{}, a.sampler.splitNow()
}

// resident is the memory that this process holds, and its parts; 0 where it cannot be read.
func (a *agent) resident() int64 {
	n, err := sample.Resident(procSelf)
	if err != nil {
		return 0
	}
	for _, engine := range []any{a.client, a.server} {
		if c, ok := engine.(interface{ resident() int64 }); ok {
			n += c.resident()
		}
	}
	return n
}
