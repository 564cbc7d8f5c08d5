package sample

import (
	"errors"
	"net/netip"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Listener is a listening address with what waits at it, over all sockets that listen there (SO_REUSEPORT).
type Listener struct {
	Address netip.Addr
	Port    uint16
	// Queue is how many connections wait for accept() at the fullest of the sockets, Backlog that socket's limit: it holds
	// one more.
	Queue, Backlog int64
	// SynRecv counts the handshakes that wait for their last ACK there, at all of the sockets; 0 after Listening.
	SynRecv int64
}

// Listening looks at the listening sockets alone, which is cheap however many connections there are. into is used again.
func (s *States) Listening(f Filter, into []Listener) ([]Listener, error) {
	err := linux.ErrDumpInterrupted
	for try := 0; try < interruptedTries && errors.Is(err, linux.ErrDumpInterrupted); try++ {
		into, err = s.listening(f, into[:0])
	}
	return into, err
}

func (s *States) listening(f Filter, into []Listener) ([]Listener, error) {
	s.listeners = into
	err := s.diag.Dump(linux.DiagQuery{IPv6: f.IPv6, States: 1 << linux.DiagListen, SourcePort: f.LocalPort}, s.visitListener)
	into, s.listeners = s.listeners, nil
	return into, err
}

// withListener adds a listening socket.
func withListener(list []Listener, r *linux.DiagRow) []Listener {
	l := Listener{Address: r.SourceAddr(), Port: r.SourcePort, Queue: int64(r.RecvQueue), Backlog: int64(r.SendQueue)}
	i := listenerAt(list, l.Address, l.Port)
	switch {
	case i < 0:
		return append(list, l)
	case l.Queue > list[i].Queue:
		list[i].Queue, list[i].Backlog = l.Queue, l.Backlog
	}
	return list
}

// listenerAt finds the listener of an address and a port; -1 where there is none.
func listenerAt(list []Listener, address netip.Addr, port uint16) int {
	for i := range list {
		if list[i].Address == address && list[i].Port == port {
			return i
		}
	}
	return -1
}

// handshakes counts SYN_RECV by the address and port that they came to.
type handshakes map[netip.AddrPort]int64

// share gives the listeners their SYN_RECV; one that listens at all addresses has those of its port that are nobody
// else's.
func (h handshakes) share(list []Listener) {
	for at, n := range h {
		i := listenerAt(list, at.Addr(), at.Port())
		for _, all := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			if i < 0 {
				i = listenerAt(list, all, at.Port())
			}
		}
		if i >= 0 {
			list[i].SynRecv += n
		}
	}
}

// Record is the listener as records have it.
func (l Listener) Record() record.Listener {
	return record.Listener{
		Address: l.Address.String(), Port: int(l.Port), Queue: l.Queue, Backlog: l.Backlog, SynRecv: l.SynRecv,
	}
}
