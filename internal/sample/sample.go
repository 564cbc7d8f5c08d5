// Package sample reads what the kernel tells about its sockets, one file per source: socket states by sock_diag
// (states.go) or /proc/net/tcp (proctcp.go), totals from sockstat, SNMP counters, the size of a TIME_WAIT socket in the
// slab, processor time.
//
// Reading and parsing are apart, so that every parser is tested on captured text anywhere. What a source does not have
// is absent from its result, never zero.
//
// Sources under /proc take a process directory ("proc" below): [Here] or "/proc/PID". They are per network namespace,
// and /proc/net itself is a link to /proc/self/net, the namespace of the process's main thread; a thread that moved to
// another namespace finds its own under /proc/thread-self only. A file keeps to the namespace it was opened in.
package sample

import (
	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Here is the process directory of the calling thread. Between opening it and reading from it, the goroutine must not
// change threads if its thread has moved to another namespace: lock it.
const Here = "/proc/thread-self"

// stateOf maps the kernel's numbers (include/net/tcp_states.h). NEW_SYN_RECV is a SYN_RECV to everybody else.
var stateOf = [...]record.State{
	linux.DiagEstablished: record.Established, linux.DiagSynSent: record.SynSent, linux.DiagSynRecv: record.SynRecv,
	linux.DiagFinWait1: record.FinWait1, linux.DiagFinWait2: record.FinWait2, linux.DiagTimeWait: record.TimeWait,
	linux.DiagClose: record.Closed, linux.DiagCloseWait: record.CloseWait, linux.DiagLastAck: record.LastAck,
	linux.DiagListen: record.Listen, linux.DiagClosing: record.Closing, linux.DiagNewSynRecv: record.SynRecv,
}

// StateOf names a kernel state number; false for one that this program does not know.
func StateOf(kernel uint8) (record.State, bool) {
	if int(kernel) >= len(stateOf) || stateOf[kernel] == "" {
		return "", false
	}
	return stateOf[kernel], true
}

// KernelState is the number that the kernel reports for a state; false for a word that is no state.
func KernelState(s record.State) (uint8, bool) {
	for number, name := range stateOf {
		if name == s && name != "" {
			return uint8(number), true
		}
	}
	return 0, false
}
