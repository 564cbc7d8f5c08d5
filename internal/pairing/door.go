//go:build linux

package pairing

import (
	"container/list"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"twomsl/internal/linux"
)

// mostStrangers is how many connections may stand at once that have not shown the token. The one that has stood longest
// goes first, so that a flood of them costs no more memory than this and a conductor still gets in between.
const mostStrangers = 128

// door is a listener whose connections are strangers until let in.
type door struct {
	net.Listener

	mu        sync.Mutex
	strangers list.List // of *visitor, the oldest first
	turned    atomic.Int64
}

// visitor is one control connection.
type visitor struct {
	net.Conn
	door    *door
	place   *list.Element // among the strangers; nil once known or gone. Guarded by door.mu
	session atomic.Pointer[session]
	known   atomic.Bool
	greeted time.Time
}

// Accept puts the oldest stranger out where there are too many.
func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	hold(c)
	v := &visitor{Conn: c, door: d, greeted: time.Now()}
	d.mu.Lock()
	v.place = d.strangers.PushBack(v)
	var oldest *visitor
	if d.strangers.Len() > mostStrangers {
		oldest = d.strangers.Front().Value.(*visitor)
		d.strangers.Remove(oldest.place)
		oldest.place = nil
	}
	d.mu.Unlock()
	if oldest != nil {
		oldest.turnOut()
	}
	return v, nil
}

// turnOut resets a stranger: its connection is to leave no TIME_WAIT on a host that counts them.
func (v *visitor) turnOut() {
	if tcp, ok := v.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = v.Conn.Close()
}

// letIn takes a visitor off the strangers.
func (v *visitor) letIn() {
	v.known.Store(true)
	v.door.forget(v)
}

func (d *door) forget(v *visitor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v.place != nil {
		d.strangers.Remove(v.place)
		v.place = nil
	}
}

// Close counts who leaves a stranger.
func (v *visitor) Close() error {
	v.door.forget(v)
	if !v.known.Load() {
		v.door.turned.Add(1)
		if tcp, ok := v.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // as turnOut
		}
	}
	return v.Conn.Close()
}

// hold bounds how long the kernel waits for a host that has gone without a word.
func hold(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3})
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { linux.SetUserTimeout(int(fd), unacknowledged) })
	}
}
