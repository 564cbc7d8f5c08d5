//go:build linux

package peer

import (
	"context"
	"errors"
	"fmt"

	"twomsl/client"
)

// group gives the n-th group.
func (a *agent) group(n int) (client.Engine, error) {
	if n < 0 || n >= len(a.groups) {
		return nil, fmt.Errorf("group %d of %d", n, len(a.groups))
	}
	return a.groups[n], nil
}

func (a *agent) limit(_ context.Context, l Limit) (none, error) {
	if err := a.ready(true); err != nil {
		return none{}, err
	}
	c := a.client
	if l.Group != nil {
		var err error
		if c, err = a.group(*l.Group); err != nil {
			return none{}, err
		}
	}
	if c == nil {
		return none{}, errors.New("limit: only a client opens connections")
	}
	c.SetLimit(l.N)
	return none{}, nil
}

func (a *agent) gate(_ context.Context, g Gate) (none, error) {
	if err := a.ready(true); err != nil {
		return none{}, err
	}
	c, err := a.group(g.Group)
	if err != nil {
		return none{}, err
	}
	c.SetGate(g.N)
	return none{}, nil
}
