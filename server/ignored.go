//go:build linux

package server

import (
	"net"
	"net/netip"
	"time"

	"twomsl/internal/linux"
)

// Who comes from Plan.Ignore is a canary of the client's side. As a rule it never gets as far as accept(); where it does,
// it is about to reset the connection itself. Being first would make the reset this side's, and count it here.

// ignoredFor is how long that may take.
const ignoredFor = time.Second

// ignored is a connection that is in no count.
type ignored struct {
	fd int
	at int64 // when it was accepted
}

// ignores tells whether a connection is left out of everything.
func (s *Server) ignores(from netip.AddrPort) bool {
	return s.plan.Ignore.IsValid() && from.Addr().Unmap() == s.plan.Ignore
}

// turnAway resets the ignored connections that were accepted before a moment.
func (w *worker) turnAway(before int64) {
	for len(w.ignored) > 0 && w.ignored[0].at < before {
		linux.SetLinger(w.ignored[0].fd, 0)
		linux.Close(w.ignored[0].fd)
		w.ignored = w.ignored[1:]
	}
}

// turnsAway does the same for a connection of package net.
func (e *netEngine) turnsAway(tcp *net.TCPConn) bool {
	from, known := tcp.RemoteAddr().(*net.TCPAddr)
	if !known || !e.ignores(from.AddrPort()) {
		return false
	}
	e.serving.Go(func() {
		e.pause(ignoredFor)
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	})
	return true
}
