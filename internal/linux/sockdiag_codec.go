// Package linux is the platform room: the system calls that the other rooms need, one wrapper each, and nothing else.
//
// It is the only importer of golang.org/x/sys/unix. Files without a build tag hold the pure part (byte formats) and
// build anywhere; everything that enters the kernel is Linux only.
package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// The kernel's numbers for TCP states (include/net/tcp_states.h). A connection in the handshake is a request socket in
// state NEW_SYN_RECV; it is asked for under that number, and the kernel reports it as SYN_RECV.
const (
	DiagEstablished uint8 = 1
	DiagSynSent     uint8 = 2
	DiagSynRecv     uint8 = 3
	DiagFinWait1    uint8 = 4
	DiagFinWait2    uint8 = 5
	DiagTimeWait    uint8 = 6
	DiagClose       uint8 = 7
	DiagCloseWait   uint8 = 8
	DiagLastAck     uint8 = 9
	DiagListen      uint8 = 10
	DiagClosing     uint8 = 11
	DiagNewSynRecv  uint8 = 12
)

// DiagAllStates asks for every socket that netstat -ant shows: all states but CLOSE, whose sockets are in no table.
const DiagAllStates uint32 = 1<<(DiagNewSynRecv+1) - 2 - 1<<DiagClose

// DiagTimerTimeWait is the timer kind of a mini-socket (net/ipv4/inet_diag.c, inet_twsk_diag_fill): a TIME_WAIT, or an
// orphaned FIN_WAIT2 that was shrunk to the same structure. Sockets of full size never carry it.
const DiagTimerTimeWait uint8 = 3

// The other timer kinds that a socket of full size may carry (inet_sk_diag_fill).
const (
	DiagTimerRetransmit uint8 = 1
	DiagTimerKeepAlive  uint8 = 2
	DiagTimerProbe      uint8 = 4 // of a closed window
)

// ErrDumpInterrupted says that the kernel marked a dump as inconsistent (NLM_F_DUMP_INTR): its rows were visited, but
// some may be missing or double. Dump again.
var ErrDumpInterrupted = errors.New("sock_diag: the table changed under the dump")

// DiagQuery says which TCP sockets to dump. The kernel does the filtering.
type DiagQuery struct {
	IPv6 bool // AF_INET6 sockets, those that carry IPv4-mapped addresses included; else AF_INET
	// BothFamilies asks for the sockets of both in one walk of the kernel's table; IPv6 then means nothing.
	BothFamilies bool
	// States is a mask of 1<<state. SYN_RECV asks for NEW_SYN_RECV too, since people mean both.
	States uint32
	// SourcePort and DestPort are the socket's own and its peer's port; 0: any. With DestPort set the kernel leaves
	// listeners out.
	SourcePort, DestPort uint16
	// Marks asks for DiagRow.Mark.
	Marks bool
}

// DiagRow is one socket (struct inet_diag_msg, include/uapi/linux/inet_diag.h).
type DiagRow struct {
	State uint8 // never DiagNewSynRecv: that is told as DiagSynRecv
	Timer uint8 // 0 none, 1 retransmission, 2 keepalive or FIN_WAIT2, 3 TIME_WAIT, 4 zero-window probe
	// Retrans is how often that timer's segment was sent again without an answer: data with timer 1, probes with 2 and 4.
	Retrans uint8
	IPv6    bool
	// Source is the socket's own address, Dest its peer's, in network order; an IPv4 address is in the first four bytes.
	Source, Dest         [16]byte
	SourcePort, DestPort uint16
	ExpiresMS            uint32 // milliseconds until the timer fires; 0 without a timer
	// RecvQueue is bytes that the program has not read (a FIN counts as one), SendQueue bytes that the peer has not
	// acknowledged; of a listener, the connections that wait for accept(), and how many may (tcp_diag_get_info).
	RecvQueue, SendQueue uint32
	UID, Inode           uint32 // Inode 0: no process holds the socket
	// Mark is SO_MARK where it was asked for and CAP_NET_ADMIN lets the reader see it, else 0.
	Mark uint32
}

// SourceAddr is the socket's own address.
func (r *DiagRow) SourceAddr() netip.Addr { return diagAddr(&r.Source, r.IPv6) }

// DestAddr is the peer's address.
func (r *DiagRow) DestAddr() netip.Addr { return diagAddr(&r.Dest, r.IPv6) }

func diagAddr(b *[16]byte, ipv6 bool) netip.Addr {
	if ipv6 {
		return netip.AddrFrom16(*b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// Lengths and numbers of netlink (include/uapi/linux/netlink.h) and sock_diag; spelled out here so that the codec
// builds where x/sys/unix has no Linux.
const (
	nlHeaderLen = 16 // struct nlmsghdr
	nlNoop      = 1
	nlError     = 2
	nlDone      = 3
	nlOverrun   = 4

	nlFlagRequest  = 0x1
	nlFlagDumpIntr = 0x10
	nlFlagDump     = 0x300

	tcpDiagGetSock   = 18 // TCPDIAG_GETSOCK
	sockDiagByFamily = 20
	afINET           = 2
	afINET6          = 10
	protoTCP         = 6

	diagRequestLen = nlHeaderLen + 56 // struct inet_diag_req_v2
	diagOldLen     = nlHeaderLen + 60 // struct inet_diag_req
	diagRowLen     = 72               // struct inet_diag_msg
	attrHeaderLen  = 4                // struct nlattr
	diagMark       = 15               // INET_DIAG_MARK
)

var native = binary.NativeEndian

// appendDiagRequest writes one dump request. Only the ports of the request's id are looked at in a dump.
func appendDiagRequest(b []byte, q DiagQuery, seq uint32) []byte {
	family := byte(afINET)
	if q.IPv6 {
		family = afINET6
	}
	if q.BothFamilies {
		return appendOldRequest(b, q, seq)
	}
	b = appendHeader(b, diagRequestLen, sockDiagByFamily, seq)
	b = append(b, family, protoTCP, 0, 0)
	b = native.AppendUint32(b, q.mask())
	return appendSockID(b, q)
}

// appendOldRequest writes the request of the first sock_diag, inet_diag of TCP alone: the kernel answers it for both
// families in one walk, where the newer one takes a walk for each (net/ipv4/inet_diag.c, inet_diag_dump_compat).
func appendOldRequest(b []byte, q DiagQuery, seq uint32) []byte {
	b = appendHeader(b, diagOldLen, tcpDiagGetSock, seq)
	b = append(b, 0, 0, 0, 0)
	b = appendSockID(b, q)
	b = native.AppendUint32(b, q.mask())
	return native.AppendUint32(b, 0) // idiag_dbs, which nothing reads
}

func appendHeader(b []byte, size uint32, kind uint16, seq uint32) []byte {
	b = native.AppendUint32(b, size)
	b = native.AppendUint16(b, kind)
	b = native.AppendUint16(b, nlFlagRequest|nlFlagDump)
	b = native.AppendUint32(b, seq)
	return native.AppendUint32(b, 0) // the kernel knows our port id
}

func appendSockID(b []byte, q DiagQuery) []byte {
	b = binary.BigEndian.AppendUint16(b, q.SourcePort)
	b = binary.BigEndian.AppendUint16(b, q.DestPort)
	var rest [44]byte // addresses, interface, cookie
	return append(b, rest[:]...)
}

// mask has NEW_SYN_RECV wherever SYN_RECV is asked for.
func (q *DiagQuery) mask() uint32 {
	if q.States&(1<<DiagSynRecv) != 0 {
		return q.States | 1<<DiagNewSynRecv
	}
	return q.States
}

// diagDecoder reads the answer to one request, datagram by datagram.
type diagDecoder struct {
	seq         uint32
	interrupted bool
	marks       bool    // the attributes are looked at
	row         DiagRow // handed to visit; a field, so that it does not escape to the heap for every dump
}

// decode visits the rows of one datagram. It tells whether the dump is over; an error with over = false means that the
// bytes are not what the kernel sends, and that where the dump stands is unknown.
func (d *diagDecoder) decode(b []byte, visit func(*DiagRow)) (over bool, err error) {
	for len(b) > 0 {
		if len(b) < nlHeaderLen {
			return false, fmt.Errorf("sock_diag: %d bytes where a netlink header of %d starts", len(b), nlHeaderLen)
		}
		size := native.Uint32(b)
		if size < nlHeaderLen || uint64(size) > uint64(len(b)) {
			return false, fmt.Errorf("sock_diag: a message says %d bytes, %d are there", size, len(b))
		}
		// Messages of an earlier request are not ours to count.
		if native.Uint32(b[8:]) == d.seq {
			over, err = d.message(native.Uint16(b[4:]), native.Uint16(b[6:]), b[nlHeaderLen:size], visit)
			if over || err != nil {
				return over, err
			}
		}
		b = b[min(len(b), int(size+3)&^3):]
	}
	return false, nil
}

func (d *diagDecoder) message(kind, flags uint16, body []byte, visit func(*DiagRow)) (over bool, err error) {
	if flags&nlFlagDumpIntr != 0 {
		d.interrupted = true
	}
	switch kind {
	case sockDiagByFamily, tcpDiagGetSock: // an answer has its request's type
		return false, d.visitRow(body, visit)
	case nlDone, nlError:
		return d.end(kind, body)
	case nlNoop:
		return false, nil
	case nlOverrun:
		return false, errors.New("sock_diag: the kernel dropped messages (NLMSG_OVERRUN)")
	}
	return false, fmt.Errorf("sock_diag: message of unknown type %d", kind)
}

// end reads NLMSG_DONE and NLMSG_ERROR, which both start with an errno, negated; 0 is success.
func (d *diagDecoder) end(kind uint16, body []byte) (over bool, err error) {
	if len(body) < 4 {
		return false, fmt.Errorf("sock_diag: message of type %d with %d bytes, 4 expected", kind, len(body))
	}
	errno := int32(native.Uint32(body))
	switch {
	case errno < 0:
		return true, fmt.Errorf("sock_diag: dump refused: %w", syscall.Errno(-int64(errno)))
	case errno > 0:
		return false, fmt.Errorf("sock_diag: message of type %d with impossible errno %d", kind, errno)
	case kind == nlError:
		return false, nil // an acknowledgement, which nobody asked for; the dump goes on
	case d.interrupted:
		return true, ErrDumpInterrupted
	}
	return true, nil
}

func (d *diagDecoder) visitRow(b []byte, visit func(*DiagRow)) error {
	if len(b) < diagRowLen {
		return fmt.Errorf("sock_diag: a socket in %d bytes, at least %d expected", len(b), diagRowLen)
	}
	r := &d.row
	switch b[0] {
	case afINET:
		r.IPv6 = false
	case afINET6:
		r.IPv6 = true
	default:
		return fmt.Errorf("sock_diag: a socket of address family %d", b[0])
	}
	r.State, r.Timer, r.Retrans = b[1], b[2], b[3]
	if r.State == DiagNewSynRecv {
		r.State = DiagSynRecv
	}
	r.SourcePort = binary.BigEndian.Uint16(b[4:])
	r.DestPort = binary.BigEndian.Uint16(b[6:])
	r.Source, r.Dest = [16]byte(b[8:24]), [16]byte(b[24:40])
	r.ExpiresMS = native.Uint32(b[52:])
	r.RecvQueue, r.SendQueue = native.Uint32(b[56:]), native.Uint32(b[60:])
	r.UID, r.Inode = native.Uint32(b[64:]), native.Uint32(b[68:])
	if r.Mark = 0; d.marks {
		r.Mark = markOf(b[diagRowLen:])
	}
	visit(r)
	return nil
}

// markOf finds INET_DIAG_MARK among a row's attributes; 0 where it is not there.
func markOf(b []byte) uint32 {
	for len(b) >= attrHeaderLen {
		size := int(native.Uint16(b))
		if size < attrHeaderLen || size > len(b) {
			return 0
		}
		if native.Uint16(b[2:]) == diagMark && size >= attrHeaderLen+4 {
			return native.Uint32(b[attrHeaderLen:])
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return 0
}
