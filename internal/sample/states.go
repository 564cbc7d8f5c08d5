package sample

import (
	"fmt"
	"net/netip"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Filter says which TCP sockets to count. The kernel does the filtering.
type Filter struct {
	// IPv6 takes AF_INET6 sockets instead of AF_INET. A socket that listens on both families keeps its IPv4 connections
	// as AF_INET6 too, except in SYN_RECV: their request sockets are AF_INET.
	IPv6 bool
	// BothFamilies takes both, in one walk of the table; IPv6 then means nothing.
	BothFamilies bool
	// LocalPort and RemotePort are the socket's own and its peer's port; 0: any.
	LocalPort, RemotePort uint16
	// NotLocalPort leaves out the sockets at this port: on a relay they are those that face the client. 0: none.
	NotLocalPort uint16
	// Remote takes only sockets whose peer has this address; the zero value: any.
	Remote netip.Addr
	// CountsOnly leaves Split.Tuples empty: a host's servers have one tuple for each connection.
	CountsOnly bool
	// Leave says whose sockets are not counted.
	Leave Leave
}

// Leave tells sockets that are not counted, as if they were not there. The zero value leaves none out.
type Leave struct {
	Mark   uint32     `json:"mark"`   // SO_MARK; 0: none
	Remote netip.Addr `json:"remote"` // the peer's address; the zero value: none
}

func (l *Leave) out(r *linux.DiagRow) bool {
	return l.Mark != 0 && r.Mark == l.Mark || l.Remote.IsValid() && r.DestAddr().Unmap() == l.Remote
}

// Tuple is what a local port must be free for: connect() may give the same port to each tuple once.
type Tuple struct {
	Local, Remote netip.Addr // IPv4 addresses in IPv6 form are told as IPv4
	RemotePort    uint16
}

// TupleUse counts the distinct local ports that sockets of a tuple hold, in whatever state but LISTEN.
type TupleUse struct {
	Tuple
	InUse, Even, Odd int64
}

// Split is one look at the socket table. It is made to be reused: the next look overwrites everything, map and slice
// included, so what is to be kept must be cloned. The zero value is ready.
type Split struct {
	// Counts is by state, without the states in which no socket stands.
	Counts record.Counts
	// TimeWaitCounted is false after WithoutTimeWait, until SetTimeWait.
	TimeWaitCounted bool
	// OrphanFinWait2 counts the FIN_WAIT2 that are mini-sockets (timer 3, inode 0); sockstat's tw has them in it.
	OrphanFinWait2 int64
	// Orphans counts the sockets of full size whose process has closed them: inode 0 in FIN_WAIT1, FIN_WAIT2, CLOSING
	// or LAST_ACK. Unlike sockstat's orphan, which is the host's, it is of this namespace and filter.
	Orphans int64
	// MaxTimeWaitMS is the longest time that a TIME_WAIT has left, in milliseconds; 0 where none stands.
	MaxTimeWaitMS uint32
	// MaxFinWait2MS is the same of the FIN_WAIT2 that OrphanFinWait2 counts.
	MaxFinWait2MS uint32
	// Stalled are the sockets in ESTABLISHED or CLOSE_WAIT that wait for an answer.
	Stalled record.Stalled
	// Tuples has the ports in use, in no particular order; after WithoutTimeWait but those that TIME_WAIT holds.
	Tuples []TupleUse
	// Listeners are those that the filter takes, each with its SYN_RECV.
	Listeners []Listener

	shaking  handshakes
	byState  [16]int64
	tracking bool
	index    map[tupleKey]int
	ports    []portSet // ports[i] belongs to Tuples[i]
	spare    []*portBits
	last     int // the tuple of the row before: rows of one tuple come in runs where there are few tuples
	lastKey  tupleKey
	unknown  uint8 // a state number that is not in the table
}

// TCP's own idea of a tuple, as the kernel tells it: cheap to compare.
type tupleKey struct {
	local, remote [16]byte
	port          uint16
	ipv6          bool
}

// SetTimeWait fills in TIME_WAIT from sockstat's tw after WithoutTimeWait: tw counts the orphaned FIN_WAIT2 as well, of
// both families. It is right only where the Filter left nothing of the namespace out. The two were not read in one
// moment, so a small number may come out below zero: it is told as 0.
func (s *Split) SetTimeWait(tw int64) {
	delete(s.Counts, record.TimeWait)
	if n := tw - s.OrphanFinWait2; n > 0 {
		s.Counts[record.TimeWait] = n
	}
	s.TimeWaitCounted = true
}

// Of finds the use of one tuple; false where no socket holds a port of it.
func (s *Split) Of(t Tuple) (TupleUse, bool) {
	for _, use := range s.Tuples {
		if use.Tuple == t {
			return use, true
		}
	}
	return TupleUse{}, false
}

func (s *Split) begin(timeWait, tracking bool) {
	if s.Counts == nil {
		s.Counts = make(record.Counts, len(stateOf))
		s.index = make(map[tupleKey]int)
		s.shaking = handshakes{}
	}
	clear(s.Counts)
	clear(s.shaking)
	s.Listeners = s.Listeners[:0]
	s.byState = [16]int64{}
	s.TimeWaitCounted, s.tracking = timeWait, tracking
	s.Stalled = record.Stalled{}
	s.OrphanFinWait2, s.Orphans, s.MaxTimeWaitMS, s.MaxFinWait2MS, s.unknown = 0, 0, 0, 0, 0
	for i := range s.ports {
		if b := s.ports[i].bits; b != nil {
			s.spare = append(s.spare, b)
		}
	}
	clear(s.ports)
	clear(s.index)
	s.Tuples, s.ports, s.last = s.Tuples[:0], s.ports[:0], -1
}

func (s *Split) add(r *linux.DiagRow) {
	if _, ok := StateOf(r.State); !ok {
		s.unknown = r.State
		return
	}
	s.byState[r.State]++
	switch r.State {
	case linux.DiagListen:
		s.Listeners = withListener(s.Listeners, r)
		return
	case linux.DiagSynRecv:
		s.shaking[netip.AddrPortFrom(r.SourceAddr(), r.SourcePort)]++
	case linux.DiagEstablished, linux.DiagCloseWait:
		s.stall(r)
	case linux.DiagTimeWait:
		s.MaxTimeWaitMS = max(s.MaxTimeWaitMS, r.ExpiresMS)
	case linux.DiagFinWait1, linux.DiagFinWait2, linux.DiagClosing, linux.DiagLastAck:
		if r.Inode != 0 {
			break
		}
		if r.Timer == linux.DiagTimerTimeWait {
			s.OrphanFinWait2++
			s.MaxFinWait2MS = max(s.MaxFinWait2MS, r.ExpiresMS)
		} else {
			s.Orphans++
		}
	}
	if s.tracking {
		s.occupy(r)
	}
}

func (s *Split) occupy(r *linux.DiagRow) {
	key := tupleKey{local: r.Source, remote: r.Dest, port: r.DestPort, ipv6: r.IPv6}
	if s.last < 0 || key != s.lastKey {
		i, known := s.index[key]
		if !known {
			i = s.open(r)
			s.index[key] = i
		}
		s.last, s.lastKey = i, key
	}
	if !s.ports[s.last].add(r.SourcePort, s) {
		return
	}
	use := &s.Tuples[s.last]
	use.InUse++
	if r.SourcePort%2 == 0 {
		use.Even++
	} else {
		use.Odd++
	}
}

// open finds or makes the tuple of a row whose key is new: an AF_INET6 socket may hold a port of an IPv4 tuple.
func (s *Split) open(r *linux.DiagRow) int {
	t := Tuple{Local: r.SourceAddr().Unmap(), Remote: r.DestAddr().Unmap(), RemotePort: r.DestPort}
	if r.IPv6 && t.Remote.Is4() {
		key := tupleKey{port: r.DestPort}
		copy(key.local[:4], r.Source[12:])
		copy(key.remote[:4], r.Dest[12:])
		if i, known := s.index[key]; known {
			return i
		}
		s.index[key] = len(s.Tuples)
	}
	s.Tuples = append(s.Tuples, TupleUse{Tuple: t})
	s.ports = append(s.ports, portSet{})
	return len(s.Tuples) - 1
}

func (s *Split) end() error {
	for number, n := range s.byState {
		if n > 0 {
			s.Counts[stateOf[number]] += n
		}
	}
	s.shaking.share(s.Listeners)
	if s.unknown != 0 {
		return fmt.Errorf("counting socket states: the kernel reports state %d, which is not known here", s.unknown)
	}
	return nil
}

type portBits [1 << 16 / 64]uint64

// portSet is a set of ports. A client's tuple holds thousands, a server's one: the bits come with the ninth port.
type portSet struct {
	few  [8]uint16
	n    int
	bits *portBits
}

// add tells whether the port is new.
func (p *portSet) add(port uint16, s *Split) bool {
	if p.bits == nil {
		for _, known := range p.few[:p.n] {
			if known == port {
				return false
			}
		}
		if p.n < len(p.few) {
			p.few[p.n] = port
			p.n++
			return true
		}
		p.bits = s.takeBits()
		for _, known := range p.few {
			p.bits[known/64] |= 1 << (known % 64)
		}
	}
	word, bit := &p.bits[port/64], uint64(1)<<(port%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}

func (s *Split) takeBits() *portBits {
	if n := len(s.spare); n > 0 {
		b := s.spare[n-1]
		s.spare = s.spare[:n-1]
		*b = portBits{}
		return b
	}
	return new(portBits)
}
