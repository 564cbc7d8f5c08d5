package report

import "twomsl/internal/record"

// timedCalls has the times of its system calls, one of them too cheap to be named.
func timedCalls() *record.Trial {
	t := basic("call-costs", "where the time of a connection goes", server, 0, 2, 0, 46_000)
	t.CallCosts = []record.CallCost{
		timedCall(client, "socket", 2875, 0.098, 3.6), timedCall(client, "connect", 2875, 0.452, 16.6), timedCall(client, "watch", 2875, 0.04, 1.47),
		timedCall(client, "write", 2875, 0.251, 9.2), timedCall(client, "read", 5750, 0.056, 2.06), timedCall(client, "close", 2875, 0.1, 3.67),
		timedCall(client, "option", 2875, 0.003, 0.11),
		timedCall(server, "accept", 2870, 0.2, 5), timedCall(server, "write", 2870, 0.4, 10), timedCall(server, "close", 2870, 0.4, 10),
	}
	return t
}

// timedThreads is the same where calls wait, of the client alone.
func timedThreads() *record.Trial {
	t := basic("call-costs-blocking", "where the time of a thread goes", server, 0, 2, 0, 46_000)
	t.Engine, t.Workers = "split/blocking", record.SidePair[int]{Client: 64, Server: 64}
	t.CallCosts = []record.CallCost{timedCall(client, "read", 2875, 0.7, 3975), timedCall(client, "connect", 2875, 0.3, 1704)}
	return t
}

func timedCall(side, call string, calls int64, share, each float64) record.CallCost {
	return record.CallCost{
		Side: side, Call: call, Calls: calls, Share: share, PerConnectionUS: each, P50US: each * 0.9, P99US: each * 3, OneIn: 16, Connections: 2875,
	}
}
