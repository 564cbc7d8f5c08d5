package diagnose

import (
	"net"
	"strconv"

	"twomsl/internal/record"
)

// fullestQueue is the listener whose accept queue is the fullest for its backlog; nil where none was seen.
func (s *sight) fullestQueue() (most *record.Listener) {
	for i := range s.h.Listeners {
		l := &s.h.Listeners[i]
		if most == nil || l.Queue-l.Backlog > most.Queue-most.Backlog {
			most = l
		}
	}
	return most
}

// fullestSynQueue is the listener that has the most SYN_RECV for its backlog; nil where none was seen.
func (s *sight) fullestSynQueue() (most *record.Listener) {
	for i := range s.h.Listeners {
		l := &s.h.Listeners[i]
		if most == nil || l.SynRecv-l.Backlog > most.SynRecv-most.Backlog {
			most = l
		}
	}
	return most
}

func listenerName(l *record.Listener) string {
	name := net.JoinHostPort(or(l.Address, "*"), strconv.Itoa(l.Port))
	if l.Program != "" {
		name += " (" + l.Program + ")"
	}
	return name
}
