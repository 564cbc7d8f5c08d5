package look

import (
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// FromRow is a socket as the kernel tells it; false where the state is none that is known. The program is not told.
func FromRow(r *linux.DiagRow) (Socket, bool) {
	state, known := sample.StateOf(r.State)
	k := Socket{
		State: state, Local: r.SourceAddr().Unmap().String(), LocalPort: r.SourcePort,
		RecvQueue: int64(r.RecvQueue), SendQueue: int64(r.SendQueue),
	}
	if state != record.Listen {
		k.Remote, k.RemotePort = r.DestAddr().Unmap().String(), r.DestPort
	}
	if r.Timer <= linux.DiagTimerProbe {
		k.Timer = kernelTimers[r.Timer]
	}
	if k.Timer != TimerOff {
		k.Left, k.Tries = time.Duration(r.ExpiresMS)*time.Millisecond, int64(r.Retrans)
	}
	return k, known
}

var kernelTimers = [...]Timer{
	0: TimerOff, 1: TimerOn, linux.DiagTimerKeepAlive: TimerKeepAlive, linux.DiagTimerTimeWait: TimerTimeWait, linux.DiagTimerProbe: TimerPersist,
}
