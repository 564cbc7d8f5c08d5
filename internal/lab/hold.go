//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
)

// Segment is a kind of TCP segment that a packet hold drops.
type Segment string

// The segments. For TCP a segment that is dropped here was not sent at all (see Hold).
const (
	SYN Segment = "syn" // SYN without ACK
	FIN Segment = "fin" // any segment with FIN, with the data it carries
	ACK Segment = "ack" // ACK alone: without data, SYN, FIN or RST
)

var segments = []Segment{SYN, FIN, ACK}

// Hold keeps segments from leaving the namespace where it is set, which keeps connections in the state before them.
// Nothing is forged: the kernel sends, and a netfilter rule in the namespace drops. TCP is told (EPERM): a FIN or data
// so dropped counts as not yet sent, and the window probe's timer, not the retransmission's, brings it up again.
type Hold struct {
	Segment Segment `json:"segment"`
	// Local and Remote narrow it to an address of this side and of the other; the zero value is any. So do the ports.
	Local      netip.Addr `json:"local"`
	Remote     netip.Addr `json:"remote"`
	LocalPort  uint16     `json:"local_port"`
	RemotePort uint16     `json:"remote_port"`
}

func (h Hold) check() error {
	if !slices.Contains(segments, h.Segment) {
		return fmt.Errorf("there is no segment %q; allowed: %v", h.Segment, segments)
	}
	if h.Local.IsValid() && h.Remote.IsValid() && h.Local.Unmap().Is4() != h.Remote.Unmap().Is4() {
		return fmt.Errorf("%s and %s are of different families: no packet has both; give two of one family",
			h.Local, h.Remote)
	}
	return nil
}

// mostHolds bounds a list: the kernel acknowledges each of its rules (some 50 messages) before the first is read, and
// on 6.18 the socket has room for some 90 (net.core.rmem_default).
const mostHolds = 32

// SetHolds replaces all holds of this process's network namespace by these, in one step; none removes them. The error
// is an UnavailableError where the kernel has no packet filter or forbids it.
func SetHolds(holds []Hold) error {
	if len(holds) > mostHolds {
		return fmt.Errorf("%d packet holds are too many: %d at most; leave out ports or addresses to cover more with one",
			len(holds), mostHolds)
	}
	for i, h := range holds {
		if err := h.check(); err != nil {
			return fmt.Errorf("packet hold %d: %w", i, err)
		}
	}
	c, err := nftables.New()
	if err != nil {
		return cannotHold(err)
	}
	t := holdTable()
	c.AddTable(t) // else deleting what is not there would be an error
	c.DelTable(t)
	if len(holds) > 0 {
		addHolds(c, holds)
	}
	if err := c.Flush(); err != nil {
		return cannotHold(err)
	}
	return nil
}

// Held tells how many packets each hold has dropped since it was set, in the order in which SetHolds was given them;
// nothing where none are set. What matches several holds counts for the first; a packet that is to be segmented by the
// device (GSO) counts once.
func Held() ([]uint64, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, cannotHold(err)
	}
	rules, err := c.GetRules(holdTable(), &nftables.Chain{Name: holdChain})
	if err != nil {
		return nil, fmt.Errorf("packet holds: reading their counters from nf_tables: %w", err)
	}
	var held []uint64
	for _, r := range rules {
		n, ok := userdata.GetUint32(r.UserData, ruleOfHold)
		if !ok || n >= mostHolds {
			continue // it lets pass: nothing of its is counted
		}
		held = append(held, make([]uint64, max(0, int(n)+1-len(held)))...)
		for _, e := range r.Exprs {
			if counter, ok := e.(*expr.Counter); ok {
				held[n] += counter.Packets
			}
		}
	}
	return held, nil
}

// cannotHold tells a kernel that has no packet filter, or forbids it, from other failures. Without the module the
// socket (EPROTONOSUPPORT) or nfnetlink (EOPNOTSUPP) refuses, without the family inet its table (EAFNOSUPPORT) or chain
// (ENOENT) is unknown; without CAP_NET_ADMIN over the namespace all is EPERM.
func cannotHold(err error) error {
	u := &UnavailableError{What: "packets cannot be held back by netfilter rules here", Err: err}
	is := func(e syscall.Errno) bool { return errors.Is(err, e) }
	switch {
	case is(syscall.EPERM), is(syscall.EACCES):
		u.Remedy = "this takes CAP_NET_ADMIN in a network namespace of one's own: run as root or, in a container, with " +
			"--cap-add NET_ADMIN, or let ordinary users make user namespaces"
	case is(syscall.EPROTONOSUPPORT), is(syscall.EOPNOTSUPP), is(syscall.EAFNOSUPPORT), is(syscall.ENOENT):
		u.Remedy = "load the module (as root: modprobe nf_tables), or use a kernel with CONFIG_NF_TABLES and " +
			"CONFIG_NF_TABLES_INET"
	case is(syscall.ENOBUFS):
		return fmt.Errorf("packet holds: the kernel's acknowledgements do not fit: %w; set net.core.rmem_default to 212992 "+
			"(the kernel's own value) or more, or use fewer holds", err)
	default:
		return fmt.Errorf("packet holds: setting nf_tables rules: %w", err)
	}
	return u
}
