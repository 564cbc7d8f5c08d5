//go:build linux

package linux

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// diagBuffer holds one datagram of a dump. The kernel fills at most 32 KiB at a time whatever the reader offers
// (net/netlink/af_netlink.c, netlink_recvmsg caps max_recvmsg_len), so this leaves room for kernels that fill more.
const diagBuffer = 256 << 10

// diagTimeout bounds every read and write. The kernel answers from within the read itself, so this only fires where
// something is badly wrong.
const diagTimeout = 5 * time.Second

// Diag is a netlink socket for sock_diag dumps of TCP sockets, with its buffers. A dump allocates nothing.
//
// A Diag sees the network namespace of the thread that opened it, for life, whichever thread uses it later. It is not
// safe for concurrent use: give each sampler its own. A dump is not atomic: the kernel walks its hash table bucket by
// bucket, and sockets come and go meanwhile.
type Diag struct {
	fd      int
	request []byte
	buffer  []byte
	decoder diagDecoder
	broken  error // the answer to a request was lost half way: what comes next on this socket is not known
}

// OpenDiag opens a netlink socket in the calling thread's network namespace. It takes no privilege.
func OpenDiag() (*Diag, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("sock_diag: opening a netlink socket: %w", err)
	}
	limit := unix.NsecToTimeval(diagTimeout.Nanoseconds())
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit); err != nil {
			_ = unix.Close(fd)
			return nil, fmt.Errorf("sock_diag: setting a time limit: %w", err)
		}
	}
	// A smaller receive buffer (net.core.rmem_max) only means more reads.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, diagBuffer)
	return &Diag{fd: fd, request: make([]byte, 0, diagOldLen), buffer: make([]byte, diagBuffer)}, nil
}

// Dump visits every socket that the query asks for. The row is the same variable each time: copy what is to be kept.
//
// The kernel's refusal comes back as its errno. ErrDumpInterrupted means that all rows were visited and may not be
// consistent. After any other failure the Diag stays unusable, since the rest of that answer may still be under way.
func (d *Diag) Dump(q DiagQuery, visit func(*DiagRow)) error {
	if d.broken != nil {
		return d.broken
	}
	d.decoder.seq++
	d.decoder.interrupted, d.decoder.marks = false, q.Marks
	d.request = appendDiagRequest(d.request[:0], q, d.decoder.seq)
	if err := d.send(); err != nil {
		return d.breaks("sending the request", err)
	}
	for {
		n, err := d.receive()
		if err != nil {
			return d.breaks("reading the answer", err)
		}
		over, err := d.decoder.decode(d.buffer[:n], visit)
		switch {
		case over:
			return err
		case err != nil:
			return d.breaks("decoding the answer", err)
		}
	}
}

func (d *Diag) breaks(doing string, err error) error {
	d.broken = fmt.Errorf("sock_diag: %s: %w", doing, err)
	return d.broken
}

func (d *Diag) send() error {
	for {
		_, err := unix.Write(d.fd, d.request)
		if err != unix.EINTR {
			return err
		}
	}
}

func (d *Diag) receive() (int, error) {
	for {
		n, err := unix.Read(d.fd, d.buffer)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, fmt.Errorf("no answer from the kernel within %v", diagTimeout)
		case err == nil && n == 0:
			return 0, fmt.Errorf("an empty datagram")
		default:
			return n, err
		}
	}
}

// Close gives the socket back. The Diag is not to be used afterwards.
func (d *Diag) Close() error {
	d.broken = fmt.Errorf("sock_diag: %w", unix.EBADF)
	err := unix.Close(d.fd)
	d.fd = -1
	return err
}
