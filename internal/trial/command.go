//go:build linux

package trial

import (
	"fmt"
	"slices"

	"twomsl/internal/command"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
	"twomsl/server"
)

// A client that nobody here wrote is watched from outside: its connect() calls where the kernel lets them be, its sockets and
// counters as those of any host. What its application did is not known.

func (r *run) commanded() bool { return r.scenario.Client.Command != "" }

// byCommand is the engine's name where the client is none of ours.
const byCommand = "command"

func (r *run) prepareCommand() (err error) {
	r.client.ready, err = r.client.remote.Prepare(r.hard, peer.Prepare{
		Command: &command.Plan{
			Line: r.scenario.Client.Command, Sources: r.sources, Destinations: r.destinations, Until: r.scenario.Load.Stop.After,
		},
		Watch: r.watch(clientSide),
	})
	return err
}

// answersHTTP makes the plan one for clients of somebody else's.
func (r *run) answersHTTP(p *server.Plan) {
	p.Engine, p.IO, p.Workers, p.Meter = server.HTTP, "", 1, 0
	p.LeavesTimeWait = r.scenario.Close.Side == serverSide
}

// commandRecord is what became of the command, with the end of what it wrote.
func (r *run) commandRecord() *record.ClientCommand {
	res := r.client.result
	if res == nil || res.Client == nil || res.Client.Command == nil {
		return nil
	}
	c := *res.Client.Command
	c.LastWords = r.lab.Client.LastWords()
	return &c
}

// commandCounts is what the connect() calls of a command came to: what was watched, and what the counters of both hosts tell of
// what became of it later.
type commandCounts struct {
	attempted, failed int64
	hidden            int64 // opened by the kernel's count, and not watched
	elsewhere         int64 // begun in the command's eyes, and not opened here
	later             int64 // whose handshake the kernel gave up (tcp_done), or a RST ended
	givenUp           int64 // that neither failed nor came to be a listener's: the command closed them before
}

// countCommand adds it up. A lab is closed: each SYN that went out came to be a listener's connection (PassiveOpens) on one of
// the two hosts, or failed where it was sent (AttemptFails), or its socket was closed before either.
func countCommand(watched bool, attempted, known int64, client, server map[string]int64) commandCounts {
	opens := client["Tcp.ActiveOpens"]
	n := commandCounts{attempted: attempted, failed: known}
	if !watched {
		n.attempted = opens
	}
	n.hidden = max(0, opens-n.attempted)
	n.attempted += n.hidden
	n.elsewhere = max(0, n.attempted-known-opens)
	// Those that returned an error sent a SYN or did not; those that did are in AttemptFails as well.
	after := max(0, known-max(0, n.attempted-opens))
	n.later = max(0, handshakesFailed(client)-after)
	ends := handshakesFailed(client) + handshakesFailed(server) + client["Tcp.PassiveOpens"] + server["Tcp.PassiveOpens"]
	if server != nil { // else what it accepted is not known
		n.givenUp = min(max(0, opens+server["Tcp.ActiveOpens"]-ends), max(0, n.attempted-n.failed-n.later))
	}
	n.failed += n.later + n.givenUp
	return n
}

// handshakesFailed is a host's Tcp.AttemptFails without those of its listeners (tcp_check_req counts both).
func handshakesFailed(c map[string]int64) int64 {
	return max(0, c["Tcp.AttemptFails"]-c["TcpExt.EmbryonicRsts"])
}

// commandConnections fills in the connections of a command.
func (r *run) commandConnections(t *record.Trial) {
	res := r.client.result
	if res == nil || res.Client == nil || res.Client.Command == nil {
		return
	}
	c := res.Client
	var theirs map[string]int64
	if r.server.result != nil {
		theirs = r.server.result.Counters
	}
	watched := c.Command.Unwatched == ""
	n := countCommand(watched, c.Progress.Opened, c.Progress.Failed, res.Counters, theirs)
	t.Connections = record.Connections{Attempted: n.attempted, OK: n.attempted - n.failed, Failed: n.failed}
	t.Outcomes = withOK(slices.Clone(c.Outcomes), t.Connections.OK)
	for _, o := range []record.Outcome{{Cause: string(record.Other), Count: n.later}, {Cause: string(record.TimedOut), Count: n.givenUp}} {
		if o.Side, o.Phase = "client", tally.Connect.String(); o.Count > 0 {
			t.Outcomes = append(t.Outcomes, o)
		}
	}
	r.loadOpened = n.attempted
	r.commandWarnings(c.Command, n)
}

// withOK sets the client's count of those that went through.
func withOK(all []record.Outcome, n int64) []record.Outcome {
	for i := range all {
		if all[i].Cause == string(record.OK) {
			all[i].Count = n
			return all
		}
	}
	return append([]record.Outcome{{Side: "client", Cause: string(record.OK), Count: n}}, all...)
}

// failedMetrics are what rests on the errors of connect(), each failed.CAUSE with the first.
var failedMetrics = []string{"failed", "first_exhaustion_seconds"}

// commandWarnings says what cannot be told of a command, and how it ended where that was not well.
func (r *run) commandWarnings(c *record.ClientCommand, n commandCounts) {
	if c.Unwatched != "" {
		r.warn(record.Warning{
			Code: "connects-unwatched", Text: "the command's connect() calls could not be watched: " + c.Unwatched + "; those that failed " +
				"before a SYN was sent, as with EADDRNOTAVAIL, are in no count",
			Advice: "allow seccomp user notification and pidfd_getfd (Linux 5.6; in a container a seccomp profile that lets them)",
			Spoils: failedMetrics,
		})
	}
	if c.Unwatched == "" {
		r.connectsUnseen("command", c.Unseen, n)
	}
	if n.elsewhere > 0 {
		r.warn(record.Warning{
			Code: "connects-elsewhere", Text: fmt.Sprintf("%s that the command began left no trace in the client's Tcp.ActiveOpens: another "+
				"network namespace, or a SYN that was never sent (TCP_FASTOPEN_CONNECT)", connections(n.elsewhere)),
			Advice: "what became of them is not known", Spoils: failedMetrics,
		})
	}
	if text := endedBadly(c); text != "" && r.ended() == byCommand {
		r.warn(record.Warning{
			Code: "command-failed", Text: "the command " + text, Spoils: []string{}, // a result, and no doubt about the figures
		})
	}
}

// connectsUnseen warns of what went past the watch.
func (r *run) connectsUnseen(who string, unseen int64, n commandCounts) {
	if n.hidden == 0 && unseen == 0 {
		return
	}
	r.warn(record.Warning{
		Code: "connects-unseen", Text: fmt.Sprintf("%s opened by the %s went past the watch (%d connect() calls could not be "+
			"looked into): io_uring, MSG_FASTOPEN, or a 32-bit program", connections(n.hidden), who, unseen),
		Advice: "what failed among them is not in the figures", Spoils: failedMetrics,
	})
}

// ended tells what ended the load of a command.
func (r *run) ended() string { return r.client.result.Client.StoppedBy }

// endedBadly says how a command ended that did not end well.
func endedBadly(c *record.ClientCommand) string {
	switch {
	case c.Signal != "":
		return "was ended by " + c.Signal
	case c.ExitCode != nil && *c.ExitCode != 0:
		return fmt.Sprintf("ended with exit code %d", *c.ExitCode)
	}
	return ""
}

// commandUnmeasured says why what a command's application did is null.
func (r *run) commandUnmeasured(why map[string]string) {
	if !r.commanded() {
		return
	}
	const not = "the client is a command, and "
	why["bytes.lost"] = not + "what it wrote and read is not known"
	why["latency.connect"] = not + "when its handshakes were over is not known"
	for _, side := range []scenario.Side{clientSide, serverSide} {
		why["ledger."+string(side)+".expired"] = not + "when which connection was closed is not known"
	}
}
