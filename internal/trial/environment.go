//go:build linux

package trial

import (
	"fmt"
	"strings"

	"twomsl/internal/machine"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

func (r *run) environment() record.Environment {
	e := machine.Read(machine.Options{})
	if e.StealSeconds = r.steal; r.steal != nil {
		delete(e.Unmeasured, "steal_seconds")
	}
	if e.Offloads = r.client.ready.Offloads; e.Offloads != nil {
		delete(e.Unmeasured, "offloads")
	}
	e.Pinned = record.SidePair[string]{Client: cpuList(r.opt.CPUs.Client), Server: cpuList(r.opt.CPUs.Server)}
	if e.Unmeasured == nil {
		e.Unmeasured = map[string]string{}
	}
	if r.foreign() {
		e.Unmeasured["bytes.lost"] = "the server is not ours, and what it wrote and read is not known"
		e.Unmeasured["ledger.server.expired"] = "the server is not ours, and when it closed which connection is not known"
	}
	const others = "the clients are not ours, and what they wrote and read, and when they closed which connection, is not known"
	switch r.scenario.Topology {
	case scenario.Veth:
	case scenario.Hosts:
		if c, s := r.client.result, r.server.result; c != nil && c.Client != nil && s != nil && s.Server != nil && r.strangers(c.Client, s.Server) {
			e.Unmeasured["bytes.lost"] = "others than the client spoke with the server, and their bytes are among its own"
		}
		e.Unmeasured["offloads"] = "no link of ours: what is between the hosts is not known"
		if r.busyHost(r.client) || r.busyHost(r.server) {
			e.Unmeasured["ledger"] = "the hosts had connections of others, and counters do not tell whose are whose"
		}
	default:
		if r.spoken != "" {
			for _, what := range []string{"bytes.lost", "ledger", "latency.connect"} {
				e.Unmeasured[what] = others
			}
			break
		}
		e.Unmeasured["ledger"] = "both sides share one namespace, and so its counters"
		e.Unmeasured["offloads"] = "no link: both sides are in one namespace"
	}
	r.unmeasuredLimits(e.Unmeasured)
	r.commandUnmeasured(e.Unmeasured)
	r.pairedUnmeasured(e.Unmeasured)
	r.proxyUnmeasured(e.Unmeasured)
	r.targetUnmeasured(e.Unmeasured)
	if r.relay != nil {
		e.Unmeasured["bytes.lost"] = "client and server each speak with the relay"
	}
	if r.scenario.Client.FastOpen.IsOn() {
		e.Unmeasured["latency.connect"] = "with TCP_FASTOPEN_CONNECT nobody is told when the handshake is over"
	}
	return e
}

func cpuList(cpus []int) string {
	words := make([]string, len(cpus))
	for i, c := range cpus {
		words[i] = fmt.Sprint(c)
	}
	return strings.Join(words, ",")
}
