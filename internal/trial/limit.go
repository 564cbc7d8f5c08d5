//go:build linux

package trial

import (
	"fmt"
	"runtime"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// What kept the rate from being higher.
const (
	bySchedule  = "schedule"
	byPorts     = "ports"
	byGenerator = "generator"
	byKernel    = "kernel"
	byServer    = "server"
	byLink      = "link"
	byWaiting   = "waiting"
)

// limitedBy tells the generator's limit from the kernel's: by what the workers' processor time went to.
func (r *run) limitedBy(t *record.Trial) (who, why string) {
	length := t.Phases.LoadSeconds
	if r.commanded() || r.spoken != "" {
		return "", "" // how fast it would be is its own affair
	}
	if t.Status != record.Complete || length <= 0 || !r.scenario.Stand.Off() || r.scenario.Kept() || r.scenario.Load.Stop.TimeWait != nil {
		return "", ""
	}
	client, server := share(t.Sides.Client.CPU, r.busiest(t.Workers.Client), length), share(t.Sides.Server.CPU, r.busiest(t.Workers.Server), length)
	late := t.Connections.NotStarted > 0 || float64(t.Connections.Late) > lateShare*float64(t.Connections.Attempted)
	exhausted := failed(t, record.AddrNotAvailable) + failed(t, record.AddrInUse)
	relayed := withoutPort(t)
	switch {
	case relayed != "":
		return byPorts, relayed
	case exhausted > 0:
		return byPorts, fmt.Sprintf("%d of %d connections found no port", exhausted, t.Connections.Attempted)
	case t.Rate.AskedPerSecond != nil && !late:
		return bySchedule, "no more was asked for"
	case r.paired() && client.busy > busyShare && client.user <= 0.5:
		return byKernel, fmt.Sprintf("the workers, which drive both sides, were busy %s, %s of it in the kernel", percent(client.busy),
			percent(1-client.user))
	case len(t.Spread) > 0 && client.busy+server.busy > spreadShare && both(t).user <= 0.5:
		return byKernel, fmt.Sprintf("the processors, which the workers of both sides share, were busy with them %s (client %s, server %s), "+
			"%s of it in the kernel", percent(client.busy+server.busy), percent(client.busy), percent(server.busy), percent(1-both(t).user))
	case len(t.Spread) > 0 && client.busy+server.busy > spreadShare:
		return byGenerator, fmt.Sprintf("the processors, which the workers of both sides share, were busy with them %s, %s of it in this program",
			percent(client.busy+server.busy), percent(both(t).user))
	case client.busy > busyShare && client.user > 0.5:
		return byGenerator, fmt.Sprintf("the client's workers were busy %s, %s of it in this program", percent(client.busy), percent(client.user))
	case client.busy > busyShare:
		return byKernel, fmt.Sprintf("the client's workers were busy %s, %s of it in the kernel", percent(client.busy), percent(1-client.user))
	case server.busy > busyShare:
		return byServer, fmt.Sprintf("the server's workers were busy %s, %s of it in the kernel; the client's %s",
			percent(server.busy), percent(1-server.user), percent(client.busy))
	}
	if full, way := r.linkShare(t); full >= linkFull {
		return byLink, fmt.Sprintf("the way to the %s carried %s of what %s lets through, headers included", way, percent(full),
			r.scenario.Link.Rate)
	}
	if r.paired() {
		return byWaiting, fmt.Sprintf("the workers, which drive both sides, were busy %s: they found nothing ready, or no processor",
			percent(client.busy))
	}
	if r.foreign() {
		return byWaiting, fmt.Sprintf("the client's workers were busy %s: it waited for the server, which is not ours", percent(client.busy))
	}
	return byWaiting, fmt.Sprintf("the workers were busy %s (client) and %s (server): connections waited for each other",
		percent(client.busy), percent(server.busy))
}

// linkFull is the share of what the link could have carried from which on it was the limit. It is far below one: with a
// handshake and an end to each connection, and segments lost at a full queue, a narrow link is never busy all the time.
const linkFull = 0.5

// headers is what each segment adds to its bytes: Ethernet, IP, and TCP with timestamps.
var headers = map[scenario.Family]int64{scenario.IPv4: 14 + 20 + 32, scenario.IPv6: 14 + 40 + 32}

// linkShare is how much of what the link could have carried went over it, in the fuller direction, and which that is.
func (r *run) linkShare(t *record.Trial) (share float64, way string) {
	rate := r.scenario.Link.Rate
	if rate == 0 || t.Bytes.ToServer == nil || t.Bytes.ToClient == nil {
		return 0, ""
	}
	carries := float64(rate) / 8 * t.Phases.LoadSeconds
	each := headers[r.scenario.Family]
	toServer := float64(t.Bytes.ToServer.Read+each*t.Sides.Client.Counters["Tcp.OutSegs"]) / carries
	toClient := float64(t.Bytes.ToClient.Read+each*t.Sides.Server.Counters["Tcp.OutSegs"]) / carries
	if toServer > toClient {
		return toServer, string(scenario.ServerSide)
	}
	return toClient, string(scenario.ClientSide)
}

// use is a side's processor time: as a share of what its workers could have had, and of that the program's own part.
type use struct{ busy, user float64 }

func share(c record.CPU, workers int, seconds float64) use {
	if workers < 1 || c.Total() == 0 {
		return use{}
	}
	return use{c.Total() / (seconds * float64(workers)), c.UserSeconds / c.Total()}
}

// spreadShare is what the workers of both sides have of processors that they share and keep busy: softirqs, which do a part of
// the work, are charged to nobody.
const spreadShare = 0.75

// both is the two sides' processor time together; only its user share says something.
func both(t *record.Trial) use {
	c, s := t.Sides.Client.CPU, t.Sides.Server.CPU
	return share(record.CPU{UserSeconds: c.UserSeconds + s.UserSeconds, SystemSeconds: c.SystemSeconds + s.SystemSeconds}, 1, 1)
}

// busiest is how many of so many threads can be busy at once.
func (r *run) busiest(threads int) int {
	if blocks(&r.scenario) {
		return min(threads, runtime.NumCPU())
	}
	return threads
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", share*100) }

// failed counts the client's connections that ended by a cause.
func failed(t *record.Trial, cause record.Cause) (n int64) {
	for _, o := range t.Outcomes {
		if o.Side == string(scenario.ClientSide) && o.Cause == string(cause) {
			n += o.Count
		}
	}
	return n
}
