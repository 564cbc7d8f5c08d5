//go:build linux

package lab

import (
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"

	"twomsl/internal/scenario"
)

// frame is an Ethernet frame of the link's MTU; veth begins with 1500.
const frame = 1514

// Shape makes the link's end in this process's namespace send no faster than the link's rate: a token bucket (tbf),
// which lets as many bytes wait as the link's queue has and drops what comes on top. A link without a rate stays as it
// is. The error is an UnavailableError where the kernel has no token bucket or forbids it.
func Shape(l scenario.Link) error {
	if l.Rate == 0 {
		return nil
	}
	if l.Queue < frame || l.Queue > math.MaxUint32 {
		return fmt.Errorf("link.queue: %s is not possible; from %d bytes (one packet) to less than 4GiB", l.Queue, frame)
	}
	link, err := netlink.LinkByName(Link)
	if err != nil {
		return fmt.Errorf("link %s: %w", Link, err)
	}
	rate := max(1, uint64(l.Rate)/8)
	err = netlink.QdiscReplace(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT,
		},
		Rate: rate, Limit: uint32(l.Queue), Buffer: netlink.Xmittime(rate, burst(rate)) + 1, // rounded up
	})
	return cannotShape(err)
}

// Buffer puts a queue before the link's end in this process's namespace. Without one, a segment for which the other side
// has no room is a failed send, and a SYN_RECV whose SYN-ACK cannot be sent again is given up (reqsk_timer_handler): so
// many of them would vanish whose timers end in the same tick. With a queue the segment is merely lost.
func Buffer() error {
	link, err := netlink.LinkByName(Link)
	if err != nil {
		return fmt.Errorf("link %s: %w", Link, err)
	}
	return cannotShape(netlink.QdiscReplace(&netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT,
		},
		QdiscType: "pfifo",
	}))
}

// burst is how many bytes may leave at once after a pause: what the rate carries in a tick of 4 ms, but two frames at
// least, since a packet larger than the bucket could never leave. A GSO packet that is larger is cut up into its
// segments (tbf_segment), so it need not fit.
func burst(rate uint64) uint32 {
	return uint32(min(max(rate/250, 2*frame), math.MaxInt32))
}

// cannotShape tells a kernel that lacks the token bucket (ENOENT) or forbids it from other failures.
func cannotShape(err error) error {
	u := &UnavailableError{What: "the link " + Link + " cannot be given a rate here", Err: err}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrPermission):
		u.Remedy = "this takes CAP_NET_ADMIN in a network namespace of one's own: run as root or, in a container, with " +
			"--cap-add NET_ADMIN, or let ordinary users make user namespaces"
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EOPNOTSUPP):
		u.Remedy = "load the module (as root: modprobe sch_tbf), use a kernel with CONFIG_NET_SCH_TBF, or leave out link.rate"
	default:
		return fmt.Errorf("link %s: setting a token bucket: %w", Link, err)
	}
	return u
}
