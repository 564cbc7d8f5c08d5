// Package look is one host as it is seen from outside: what was seen in one moment (Look), how the looks of a watch become
// a record.Host (Watch), and the text that a look is written down as, to be carried to another machine (Write).
//
// Where a look comes from is not its business: internal/observe takes it from this host, internal/paste from what somebody
// pasted. Both go through here, so that the same sockets give the same Host. It knows no system calls and no clock.
package look

import (
	"net/netip"
	"strings"
	"time"

	"twomsl/internal/record"
)

// Timer is what a socket waits for, as ss names it.
type Timer uint8

// The timers of a socket (net/ipv4/inet_diag.c, inet_diag_msg_attrs_fill and inet_twsk_diag_fill).
const (
	TimerOff       Timer = iota // none, or not told
	TimerOn                     // a segment is sent again unless it is acknowledged
	TimerKeepAlive              // a keep-alive probe; of a FIN_WAIT2 its end
	TimerTimeWait               // the end of a TIME_WAIT, or of a FIN_WAIT2 that no process holds
	TimerPersist                // a probe of a window that the peer has closed
)

// Socket is one TCP socket.
type Socket struct {
	State record.State
	// Local and Remote are addresses as netip.Addr prints them, IPv4 in IPv6 as IPv4, without an interface; or what somebody
	// wrote in their place. Remote is "" of a listener.
	Local, Remote         string
	LocalPort, RemotePort uint16
	// RecvQueue and SendQueue are as in linux.DiagRow; of a listener SendQueue is its backlog.
	RecvQueue, SendQueue int64
	Timer                Timer
	Left                 time.Duration // until the timer fires
	Tries                int64         // how often in a row what the timer is for was tried in vain
	Program              string        // name[pid]; "" where not told
}

// Listing is the sockets of one moment, and what is told of each.
type Listing struct {
	Sockets []Socket
	// Listeners says that sockets that listen are among them, where there are any; Backlogs, that SendQueue of those is the
	// backlog, which /proc/net/tcp does not have; Timers and Programs, that those fields say something.
	Listeners, Backlogs, Timers, Programs bool
}

// Look is one host at one moment. What was not looked at is nil.
type Look struct {
	At      *time.Time
	Uptime  *time.Duration // of the host; tells the time between two looks also where its clock was set
	Listing *Listing
	// Counts are the sockets by state where there is no listing of them.
	Counts      record.Counts
	Counters    map[string]uint64 // as sample.Counters keys them
	Sysctls     map[string]string // those of Sysctls
	Conntrack   *Conntrack
	Descriptors []record.Descriptors
	// TimeWaitBytesEach and TCPMemoryPages are as in record.Host.
	TimeWaitBytesEach *int64
	TCPMemoryPages    *int64
	Gaps              []record.Gap
}

// Conntrack is what the packet filter's table has counted since boot: packets that found no room, and entries that went
// early. (How full it is stands among the settings.)
type Conntrack struct{ Dropped, EarlyDropped uint64 }

// Settings that tell of the host rather than being set.
const (
	KeyHostname       = "kernel.hostname"
	KeyRelease        = "kernel.osrelease"
	KeyFileNr         = "fs.file-nr"
	KeyConntrackCount = "net.netfilter.nf_conntrack_count"
	KeyConntrackMax   = "net.netfilter.nf_conntrack_max"
	KeyPortRange      = "net.ipv4.ip_local_port_range"
)

// Sysctls are the settings that a look takes, in the order of telling: those that bear on TIME_WAIT, ports, queues,
// keep-alive, connection tracking and descriptors.
var Sysctls = []string{
	KeyHostname, KeyRelease,
	KeyPortRange, "net.ipv4.ip_local_reserved_ports",
	"net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse_delay", "net.ipv4.tcp_tw_recycle", keyTimeWait,
	"net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_timestamps", "net.ipv4.tcp_rfc1337",
	"net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_abort_on_overflow",
	"net.ipv4.tcp_synack_retries", "net.ipv4.tcp_syn_retries", "net.ipv4.tcp_retries2", "net.ipv4.tcp_orphan_retries",
	"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_max_orphans", "net.ipv4.tcp_mem",
	KeyConntrackCount, KeyConntrackMax, "net.netfilter.nf_conntrack_buckets",
	"net.netfilter.nf_conntrack_tcp_timeout_established", "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
	"net.netfilter.nf_conntrack_tcp_timeout_close_wait", "net.netfilter.nf_conntrack_tcp_timeout_fin_wait",
	KeyFileNr, "fs.file-max", "fs.nr_open",
}

// keyTimeWait is the lifetime of a TIME_WAIT in seconds, in kernels of some vendors; Linux itself has it compiled in.
const keyTimeWait = "net.ipv4.tcp_tw_timeout"

// Address gives an address the spelling that Socket wants: "*" is any, brackets and interfaces go. What is no address stays
// as it is.
func Address(text string) string {
	bare, _, _ := strings.Cut(strings.NewReplacer("[", "", "]", "").Replace(text), "%")
	if bare == "*" {
		return "::"
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	return bare
}

// everywhere tells the address at which a listener hears every other.
func everywhere(addr string) bool { return addr == "0.0.0.0" || addr == "::" }
