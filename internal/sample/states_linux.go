package sample

import (
	"errors"
	"net/netip"

	"twomsl/internal/linux"
)

// interruptedTries bounds how often a dump is repeated that the kernel called inconsistent.
const interruptedTries = 3

// States splits the sockets of one network namespace by state, through sock_diag.
//
// It sees the namespace of the thread that made it, for life, whichever thread asks later. It is not safe for
// concurrent use: each sampler has its own. A look is not atomic, but it allocates nothing once its Split has grown.
type States struct {
	diag  *linux.Diag
	into  *Split
	leave Leave
	not   uint16     // Filter.NotLocalPort of the look under way
	only  netip.Addr // its Filter.Remote
	// Made once: a closure for every look would be an allocation for every look.
	visit, visitListener func(*linux.DiagRow)
	listeners            []Listener // of the look under way
}

// NewStates opens a sock_diag socket in the calling thread's network namespace.
func NewStates() (*States, error) {
	diag, err := linux.OpenDiag()
	if err != nil {
		return nil, err
	}
	s := &States{diag: diag}
	s.visit = func(r *linux.DiagRow) {
		// The kernel's own filter knows no "not".
		if !s.leave.out(r) && (s.not == 0 || r.SourcePort != s.not) && (!s.only.IsValid() || r.DestAddr().Unmap() == s.only) {
			s.into.add(r)
		}
	}
	s.visitListener = func(r *linux.DiagRow) { s.listeners = withListener(s.listeners, r) }
	return s, nil
}

// Split counts every socket that the filter takes. On an error into is not to be used.
func (s *States) Split(f Filter, into *Split) error {
	return s.look(f, linux.DiagAllStates, into)
}

// WithoutTimeWait counts all but TIME_WAIT: the kernel walks the same table, but copies far fewer rows. Orphaned
// FIN_WAIT2 are among them, although they are kept as TIME_WAIT are. TIME_WAIT can then be filled in from sockstat:
// see Split.SetTimeWait. Split.Tuples are then without the ports that TIME_WAIT holds.
func (s *States) WithoutTimeWait(f Filter, into *Split) error {
	return s.look(f, linux.DiagAllStates&^(1<<linux.DiagTimeWait), into)
}

// Once looks a single time, for who has no sampler.
func Once(f Filter) (*Split, error) {
	s, err := NewStates()
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // only read from
	var split Split
	return &split, s.Split(f, &split)
}

// Close gives the socket back.
func (s *States) Close() error { return s.diag.Close() }

func (s *States) look(f Filter, states uint32, into *Split) error {
	timeWait := states&(1<<linux.DiagTimeWait) != 0
	s.into, s.leave, s.not, s.only = into, f.Leave, f.NotLocalPort, f.Remote
	defer func() { s.into = nil }()
	err := linux.ErrDumpInterrupted
	for try := 0; try < interruptedTries && errors.Is(err, linux.ErrDumpInterrupted); try++ {
		into.begin(timeWait, !f.CountsOnly)
		err = s.dump(f, states)
	}
	if err != nil {
		return err
	}
	return into.end()
}

func (s *States) dump(f Filter, states uint32) error {
	return s.diag.Dump(linux.DiagQuery{
		IPv6: f.IPv6, BothFamilies: f.BothFamilies, States: states, SourcePort: f.LocalPort, DestPort: f.RemotePort,
		Marks: f.Leave.Mark != 0,
	}, s.visit)
}
