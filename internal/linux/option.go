//go:build linux

package linux

import "fmt"

// Option is one socket option that a plan P may ask for.
type Option[P any] struct {
	Name  string
	Since string // the first Linux that has it
	Asked func(*P) bool
	Set   func(fd int, p *P) Errno
	// Value is the same for a ring; nil where a ring does not set it.
	Value func(p *P) SockOpt
}

// Wanted lists the options that the plan asks for, each tried once on a socket of its own, so that what this kernel lacks
// is said before any load. The error is an UnsupportedError.
func Wanted[P any](all []Option[P], p *P, ipv6 bool) ([]Option[P], error) {
	fd, e := Socket(ipv6)
	if e != 0 {
		return nil, fmt.Errorf("socket: %s: %w", ErrnoName(e), e)
	}
	defer Close(fd)
	var out []Option[P]
	for _, o := range all {
		if !o.Asked(p) {
			continue
		}
		if e := o.Set(fd, p); e != 0 {
			return nil, &UnsupportedError{Option: o.Name, Since: o.Since, Err: e}
		}
		out = append(out, o)
	}
	return out, nil
}
