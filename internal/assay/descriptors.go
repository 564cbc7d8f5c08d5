//go:build linux

package assay

import (
	"syscall"

	"twomsl/internal/linux"
)

// descriptors: a server that has none left: what accept() gives, what becomes of the clients, and of the connections
// that stand.
func init() {
	register("descriptors", map[string]string{"clients": "30", "room": "10"}, descriptors)
}

func descriptors(b *bench) {
	p := b.pair()
	l := p.serve(80, 128)
	n, room := b.number("clients"), b.number("room")
	old := l.dial()
	var fds []int
	for range n {
		fd := p.client.socket()
		b.ok("connect", l.start(fd))
		fds = append(fds, fd)
	}
	b.wait("the handshakes end", func() bool {
		for _, fd := range fds {
			if _, err := syscall.Getpeername(fd); err != nil {
				return false
			}
		}
		return true
	})
	// The next descriptor is one above the highest in use: only so many more fit below the limit.
	next, err := syscall.Dup(l.fd)
	b.must("dup", err)
	b.must("close", syscall.Close(next))
	b.must("RLIMIT_NOFILE", linux.LimitDescriptors(uint64(next+room)))
	accepted := 0
	var last linux.Errno
	for range n {
		var from linux.Sockaddr
		fd, e := linux.Accept(l.fd, &from)
		if e != 0 {
			last = e
			break
		}
		p.server.open[fd] = true
		accepted++
	}
	_, e := linux.Socket(false)
	b.write(old.client, []byte("still there?"))
	b.read(old.server, len("still there?"))
	if _, _, err := linux.NoFile(); err != nil {
		b.fail("%w", err)
	}
	b.count("clients", n, "clients")
	b.count("accepted", accepted, "accepted")
	b.count("queued", n-accepted, "connected and never accepted")
	b.count("old", 1, "of 1 connection from before that goes on")
	b.count("emfile", boolean(last == linux.EMFILE)+boolean(e == linux.EMFILE), "of 2 calls that gave EMFILE: accept(), socket()")
	b.text("accept() gives %q", linux.ErrnoName(last))
}

func boolean(v bool) int {
	if v {
		return 1
	}
	return 0
}
