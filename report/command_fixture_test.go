package report

import (
	"twomsl/internal/record"
)

// commandTrial has a client of somebody else's, on 100 ports, which asked for 150 connections.
func commandTrial(name, title, line string) *record.Trial {
	t := basic(name, title, client, 0, 1.2, 0, 150)
	t.Engine, t.Phases.StoppedBy, t.Scenario.ClientCommand, t.Scenario.Struck = "command", "command", line, client
	t.Workers.Client = 0
	t.Rate = record.Rate{ReachedPerSecond: 125}
	const not = "the client is a command, and "
	t.Environment.Unmeasured["bytes.lost"] = not + "what it wrote and read is not known"
	t.Environment.Unmeasured["latency.connect"] = not + "when its handshakes were over is not known"
	t.Close = record.Close{Side: client, How: "fin", NotJudged: not + "what its application did is not known", Contradictions: []string{}}
	l := stands(t, client, 100, 100, 100)
	l.FirstCloses, l.Replaced, l.Expired, l.ExpiredMost, l.Unexplained = nil, nil, nil, nil, nil
	p := tuple(t, 1, 100, 0, 100)
	p.PeakInUse, p.PeakEven, p.PeakOdd = ptr(int64(100)), ptr(int64(50)), ptr(int64(50))
	look(t, func(side string, at float64) int64 {
		if side == server {
			return 0
		}
		return ramp(at, 0.8, 100)
	}, func(at float64) int64 { return ramp(at, 0.8, 100) })
	return t
}

// testSuite failed for want of ports.
func testSuite() *record.Trial {
	t := commandTrial("test-suite", "a test suite under a hundred ports", "pytest -q tests/http")
	finish(t, 100, 50)
	t.Bytes, t.Latency = record.Bytes{}, record.Latency{}
	fails(t, "connect", "EADDRNOTAVAIL", 47)
	t.Outcomes = append(t.Outcomes, record.Outcome{Side: client, Phase: "connect", Cause: string(record.TimedOut), Count: 3})
	t.Ports[0].OKBeforeFirstExhaustion, t.Ports[0].FirstExhaustionSeconds = ptr(int64(100)), ptr(0.8)
	t.ClientCommand = &record.ClientCommand{
		Line: t.Scenario.ClientCommand, ExitCode: ptr(1), Seconds: 1.2,
		LastWords: "....F\nFAILED tests/http/test_many.py::test_many - OSError: [Errno 99] Cannot assign requested address\n1 failed, 4 passed in 1.02s\n",
	}
	t.Warnings = []record.Warning{{Code: "command-failed", Text: "the command ended with exit code 1", Spoils: []string{}}}
	return t
}

// unwatchedCommand ran where the kernel lets nobody watch, until its time was up.
func unwatchedCommand() *record.Trial {
	t := commandTrial("unwatched", "a command that nobody could watch", "for i in $(seq 150); do curl -s $TWOMSL_URL; done")
	t.Connections.Attempted, t.Rate.ReachedPerSecond = 100, 100/1.2
	finish(t, 100, 0)
	t.Bytes, t.Latency, t.Phases.StoppedBy = record.Bytes{}, record.Latency{}, "after"
	t.ClientCommand = &record.ClientCommand{
		Line: t.Scenario.ClientCommand, Signal: "SIGTERM", Seconds: 1.2, Unwatched: "pidfd_getfd: operation not permitted",
	}
	t.Warnings = []record.Warning{{
		Code: "connects-unwatched", Text: "the command's connect() calls could not be watched: pidfd_getfd: operation not permitted; those that " +
			"failed before a SYN was sent, as with EADDRNOTAVAIL, are in no count",
		Advice: "allow seccomp user notification and pidfd_getfd (Linux 5.6; in a container a seccomp profile that lets them)",
		Spoils: []string{"failed", "first_exhaustion_seconds"},
	}}
	return t
}
