//go:build linux

package counting

import (
	"errors"
	"fmt"
	"net"
)

// Company are a few sockets in states beside TIME_WAIT, so that a count that misses a state, or takes one for another, is
// found out: a listener, connections, and such as one end has closed, half or all of it.
type Company struct {
	listener net.Listener
	open     []net.Conn
}

// companyOf is how many connections there are of each kind.
const companyOf = 7

// Join makes them in the namespace of the calling thread, over its loopback device.
func Join() (c *Company, err error) {
	c = &Company{}
	if c.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("a listener beside the TIME_WAIT: %w", err)
	}
	defer func() {
		if err != nil {
			c.Leave()
			err = fmt.Errorf("connections beside the TIME_WAIT: %w", err)
		}
	}()
	for i := range 3 * companyOf {
		here, there, err := c.pair()
		if err != nil {
			return nil, err
		}
		switch i % 3 { // the first third stays ESTABLISHED
		case 1: // FIN_WAIT2 of a program, CLOSE_WAIT
			if err := here.(*net.TCPConn).CloseWrite(); err != nil {
				return nil, err
			}
		case 2: // FIN_WAIT2 of nobody, which the kernel keeps as it keeps a TIME_WAIT
			if err := here.Close(); err != nil {
				return nil, err
			}
		}
		c.open = append(c.open, here, there)
	}
	return c, nil
}

func (c *Company) pair() (here, there net.Conn, err error) {
	if here, err = net.Dial("tcp", c.listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	there, err = c.listener.Accept()
	return here, there, errors.Join(err)
}

// Leave ends them.
func (c *Company) Leave() {
	for _, one := range c.open {
		if t, ok := one.(*net.TCPConn); ok {
			t.SetLinger(0) //nolint:errcheck // closed already, some of them
		}
		one.Close() //nolint:errcheck // closed already, some of them
	}
	c.listener.Close() //nolint:errcheck // nobody comes any more
}
