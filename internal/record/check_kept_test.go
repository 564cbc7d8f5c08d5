package record

import (
	"strings"
	"testing"
)

func TestCheckKept(t *testing.T) {
	for want, change := range map[string]func(*Trial){
		"":                               func(*Trial) {},
		"kept.stood_then":                func(tr *Trial) { *tr.Kept.StoodThen = -1 },
		"kept.ended":                     func(tr *Trial) { *tr.Kept.Ended = -1 },
		"kept.vanished_seconds":          func(tr *Trial) { *tr.Kept.VanishedSeconds = -1 },
		"kept.found_first_seconds":       func(tr *Trial) { *tr.Kept.FoundFirstSeconds = -1 },
		"kept.found_last_seconds":        func(tr *Trial) { *tr.Kept.FoundLastSeconds = -1 },
		"kept.keep_alive.idle":           func(tr *Trial) { tr.Kept.KeepAlive.IdleSeconds = -1 },
		"kept.keep_alive.interval":       func(tr *Trial) { tr.Kept.KeepAlive.IntervalSeconds = -1 },
		"kept.keep_alive.probes":         func(tr *Trial) { tr.Kept.KeepAlive.Probes = -1 },
		"kept.heartbeat.every":           func(tr *Trial) { tr.Kept.Heartbeat.EverySeconds = -1 },
		"kept.heartbeat.limit":           func(tr *Trial) { tr.Kept.Heartbeat.LimitSeconds = -1 },
		"kept.heartbeat.sent":            func(tr *Trial) { tr.Kept.Heartbeat.Sent = -1 },
		"kept.heartbeat.answered":        func(tr *Trial) { tr.Kept.Heartbeat.Answered = -1 },
		"sides.server.memory.processes":  func(tr *Trial) { tr.Sides.Server.Memory.Processes = -1 },
		"sides.server.memory.resident_b": func(tr *Trial) { *tr.Sides.Server.Memory.ResidentBytes = -1 },
		"stalled.retransmitting":         func(tr *Trial) { tr.Sides.Server.Samples[0].Stalled.Retransmitting = -1 },
		"stalled.kept_alive":             func(tr *Trial) { tr.Sides.Server.Samples[0].Stalled.KeptAlive = -1 },
		"stalled.unanswered":             func(tr *Trial) { tr.Sides.Server.Samples[0].Stalled.Unanswered = -1 },
	} {
		tr := small()
		tr.Kept = &Kept{
			VanishedSeconds: new(1.0), StoodThen: new(int64(1)), Ended: new(int64(1)), FoundFirstSeconds: new(1.0),
			FoundLastSeconds: new(2.0), KeepAlive: &KeepAlive{1, 1, 1}, Heartbeat: &Heartbeat{1, 1, 1, 1},
		}
		tr.Sides.Server.Memory = &Memory{Processes: 1, ResidentBefore: new(int64(1)), ResidentBytes: new(int64(1)), SocketBytes: new(int64(1))}
		tr.Sides.Server.Samples = []Sample{{Stalled: &Stalled{}}}
		change(tr)
		err := tr.Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
