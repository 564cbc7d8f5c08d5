package diagnose

import (
	"twomsl/internal/record"
)

func ptr[T any](v T) *T { return &v }

// quiet is a live host that was watched for 10 s, of which everything was seen and nothing is wrong. Each call is another
// one, for tests to spoil.
func quiet() record.Host {
	return record.Host{
		Schema: record.HostSchema, Name: "web01", Source: record.FromLive, WatchedSeconds: ptr(10.0),
		States: record.Counts{record.Listen: 3, record.Established: 40, record.TimeWait: 200},
		Peak:   record.Counts{record.Listen: 3, record.Established: 44, record.TimeWait: 210},
		Stayed: record.Counts{record.Listen: 3, record.Established: 20, record.TimeWait: 150},
		Flows: []record.Flow{
			{
				Direction: record.Inbound, Local: "10.1.1.5", Port: 443,
				States: record.Counts{record.Established: 40, record.TimeWait: 200},
			},
		},
		Listeners: []record.Listener{{Address: "0.0.0.0", Port: 443, Backlog: 511, Program: "nginx[812]"}},
		Counters: map[string]int64{
			"TcpExt.ListenOverflows": 0, "TcpExt.ListenDrops": 0, "TcpExt.TCPReqQFullDoCookies": 0, "TcpExt.TCPReqQFullDrop": 0,
			"TcpExt.TCPAbortOnTimeout": 0, "Tcp.AttemptFails": 0, "Tcp.PassiveOpens": 33, "Tcp.ActiveOpens": 0,
			"Tcp.InSegs": 4_000, "Tcp.OutSegs": 4_000,
		},
		SinceBoot: map[string]int64{},
		Sysctls: map[string]string{
			"net.ipv4.tcp_tw_reuse": "2", "net.ipv4.tcp_timestamps": "1", "net.ipv4.tcp_syncookies": "1",
			"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.tcp_max_syn_backlog": "1024", "net.ipv4.tcp_fin_timeout": "60",
		},
		Conntrack:         &record.Conntrack{Entries: 23_000, Limit: 262_144, Dropped: ptr(int64(0)), EarlyDropped: ptr(int64(0))},
		Descriptors:       []record.Descriptors{{Program: "nginx[812]", InUse: 60, Limit: 20_000}},
		TimeWaitBytesEach: ptr(int64(256)), TCPMemoryPages: ptr(int64(120)),
		Gaps: []record.Gap{},
	}
}

// out adds a tuple with even and odd ports of the default range in use, all of them TIME_WAIT, at a rate.
func out(h *record.Host, remote string, even, odd int64, perSecond float64) *record.Flow {
	h.Flows = append(h.Flows, record.Flow{
		Direction: record.Outbound, Local: "10.1.1.5", Remote: remote, Port: 3306,
		States:     record.Counts{record.TimeWait: even + odd},
		PortsInUse: ptr(even + odd), Even: &even, Odd: &odd, Range: &record.PortRange{Low: 32768, High: 60999},
		RatePerSecond: &perSecond,
	})
	h.States[record.TimeWait] += even + odd
	return &h.Flows[len(h.Flows)-1]
}

func spoil(change func(*record.Host)) record.Host {
	h := quiet()
	change(&h)
	return h
}

// failed are errors that a trial's programs got.
func failed(phase, errno string, n int64) []record.Outcome {
	return []record.Outcome{{Side: "client", Phase: phase, Cause: string(record.CauseOf(errno)), Errno: errno, Count: n}}
}

// example is a host with what a diagnosis of it must come to: the causes in their order.
type example struct {
	name string
	host record.Host
	want string // id confidence, ...
}

// sick are hosts that have one cause each, by every sign that there is of it.
func sick() []example {
	return []example{
		{"EADDRNOTAVAIL and a full tuple", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 14_116, 14_116, 600)
			h.Source, h.Errors = record.FromTrial, failed("connect", "EADDRNOTAVAIL", 70)
		}), "port-tuple-exhausted certain"},
		{"EADDRNOTAVAIL alone", spoil(func(h *record.Host) {
			h.Source, h.Errors = record.FromTrial, failed("connect", "EADDRNOTAVAIL", 70)
		}), "port-tuple-exhausted likely"},
		{"a full tuple from outside", spoil(func(h *record.Host) { out(h, "10.1.2.9", 14_116, 14_000, 600) }), "port-tuple-exhausted likely"},
		{"a full tuple of open connections, with reuse", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 14_116, 14_116, 1).States = record.Counts{record.Established: 28_232}
			h.Sysctls["net.ipv4.tcp_tw_reuse"] = "1"
		}), "port-tuple-exhausted likely"},
		{"reserved ports make it full", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 10_000, 10_000, 600)
			h.Sysctls["net.ipv4.ip_local_reserved_ports"] = "40000-48231,70"
		}), "port-tuple-exhausted likely"},
		{"the same-tuple canary", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 14_116, 14_116, 600)
			h.Canaries = []record.Canary{{
				Name: "same-tuple", From: "host", Calls: 40, Answered: 4,
				Failures: []record.CanaryFailure{{Phase: "connect", Errno: "EADDRNOTAVAIL", Count: 36}},
			}}
		}), "port-tuple-exhausted certain"},
		{"past half of the range", spoil(func(h *record.Host) { out(h, "10.1.2.9", 14_116, 2_000, 260) }), "half-range-cliff likely"},
		{"past half of the range, and slow", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 14_116, 2_000, 260)
			h.Connect = &record.Quantiles{P50US: 40, P99US: 1_800}
		}), "half-range-cliff certain"},
		{"bind() fails", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 7_058, 7_058, 100)
			out(h, "10.1.2.8", 7_058, 7_058, 100)
			h.Source, h.Errors = record.FromTrial, failed("bind", "EADDRINUSE", 9)
		}), "explicit-bind-exhausted certain"},
		{"keep-alive gives up", spoil(func(h *record.Host) {
			h.Source, h.Errors = record.FromTrial, failed("kept", "ETIMEDOUT", 40)
		}), "dead-peer certain"},
		{"a heartbeat gives up", spoil(func(h *record.Host) {
			h.Source = record.FromTrial
			h.Errors = []record.Outcome{{Side: "server", Phase: "kept", Cause: string(record.TimedOut), Count: 40}}
		}), "dead-peer certain"},
		{"bind() fails, and connect() without it finds no port either", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 7_058, 7_058, 100)
			out(h, "10.1.2.8", 7_058, 7_058, 100)
			h.Source = record.FromTrial
			h.Errors = append(failed("bind", "EADDRINUSE", 9), failed("connect", "EADDRNOTAVAIL", 3)...)
		}), "explicit-bind-exhausted certain"},
		{"bind() fails for ports that it names", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 70, 70, 100)
			h.Source, h.Errors = record.FromTrial, failed("bind", "EADDRINUSE", 9)
		}), "explicit-bind-exhausted likely"},
		{"two destinations have all ports between them", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 7_058, 7_058, 100)
			out(h, "10.1.2.8", 7_058, 7_000, 100)
		}), "explicit-bind-exhausted possible"},
		{"the accept queue overflows", spoil(func(h *record.Host) {
			h.Counters["TcpExt.ListenOverflows"] = 130
			h.Listeners[0].Queue = 512
		}), "accept-backlog-full certain"},
		{"the accept queue overflowed a little", spoil(func(h *record.Host) { h.Counters["TcpExt.ListenOverflows"] = 4 }), "accept-backlog-full likely"},
		{"the accept queue is full at one look", spoil(func(h *record.Host) {
			h.Counters, h.WatchedSeconds, h.Listeners[0].Queue = nil, nil, 512
		}), "accept-backlog-full likely"},
		{"cookies are sent", spoil(func(h *record.Host) { h.Counters["TcpExt.TCPReqQFullDoCookies"] = 300 }), "syn-queue-full certain"},
		{"SYN are dropped", spoil(func(h *record.Host) {
			h.Counters["TcpExt.TCPReqQFullDrop"], h.Sysctls["net.ipv4.tcp_syncookies"] = 300, "0"
		}), "syn-queue-full certain"},
		{"three quarters of tcp_max_syn_backlog without cookies", spoil(func(h *record.Host) {
			h.Counters["TcpExt.ListenDrops"], h.Sysctls["net.ipv4.tcp_syncookies"] = 90, "0"
			h.Peak[record.SynRecv] = 769
		}), "syn-queue-full likely"},
		{"the tracking table drops", spoil(func(h *record.Host) {
			h.Conntrack = &record.Conntrack{Entries: 262_144, Limit: 262_144, Dropped: ptr(int64(900))}
		}), "conntrack-full certain"},
		{"the tracking table is full", spoil(func(h *record.Host) {
			h.Conntrack = &record.Conntrack{Entries: 262_000, Limit: 262_144}
		}), "conntrack-full likely"},
		{"EMFILE", spoil(func(h *record.Host) { h.Source, h.Errors = record.FromTrial, failed("accept", "EMFILE", 3) }), "descriptors-exhausted certain"},
		{"all descriptors in use", spoil(func(h *record.Host) { h.Descriptors[0].InUse = 19_999 }), "descriptors-exhausted likely"},
		{"CLOSE_WAIT that stay", spoil(func(h *record.Host) {
			h.States[record.CloseWait], h.Stayed[record.CloseWait] = 900, 880
			h.Flows[0].States[record.CloseWait], h.Flows[0].Programs = 900, []string{"java[77]"}
		}), "close-wait-leak likely"},
		{"CLOSE_WAIT at one look", spoil(func(h *record.Host) { h.States[record.CloseWait], h.Stayed = 900, nil }), "close-wait-leak possible"},
		{"FIN_WAIT2 that stay", spoil(func(h *record.Host) {
			h.States[record.FinWait2], h.Stayed[record.FinWait2] = 3_000, 2_900
		}), "fin-wait-2-pileup likely"},
		{"FIN_WAIT2 at one look", spoil(func(h *record.Host) { h.States[record.FinWait2], h.Stayed = 3_000, nil }), "fin-wait-2-pileup possible"},
		{"unanswered probes", spoil(func(h *record.Host) {
			h.States[record.Established], h.Flows[0].Unanswered, h.Flows[0].KeptAlive = 500, 400, 500
		}), "dead-peer certain"},
		{"data that nobody acknowledges", spoil(func(h *record.Host) { h.Flows[0].Retransmitting = 30 }), "dead-peer likely"},
		{"given up by the kernel", spoil(func(h *record.Host) {
			h.Counters["TcpExt.TCPAbortOnTimeout"], h.Counters["Tcp.AttemptFails"] = 90, 20
		}), "dead-peer likely"},
		{"ETIMEDOUT at read()", spoil(func(h *record.Host) { h.Source, h.Errors = record.FromTrial, failed("read", "ETIMEDOUT", 40) }), "dead-peer certain"},
		{"the other side is gone", spoil(func(h *record.Host) {
			h.Source, h.Errors, h.Peer = record.FromTrial, []record.Outcome{}, record.Counts{record.Listen: 1}
		}), "dead-peer certain"},
		{"50,000 idle connections", spoil(func(h *record.Host) {
			for _, c := range []record.Counts{h.States, h.Peak, h.Stayed, h.Flows[0].States} {
				c[record.Established] = 50_000
			}
			h.Descriptors[0] = record.Descriptors{Program: "nginx[812]", InUse: 50_020, Limit: 100_000}
		}), "idle-keepalive likely"},
	}
}

// two have two causes at once: what brings the other about comes first.
func two() []example {
	return []example{
		{"a leak takes the descriptors", spoil(func(h *record.Host) {
			h.Source, h.Errors = record.FromTrial, failed("accept", "EMFILE", 3)
			h.States[record.CloseWait], h.Stayed[record.CloseWait] = 19_000, 18_000
			h.Descriptors[0].InUse = 20_000
		}), "close-wait-leak certain, descriptors-exhausted certain"},
		{"accept() without descriptors", spoil(func(h *record.Host) {
			h.Source, h.Errors = record.FromTrial, failed("accept", "EMFILE", 3)
			h.Counters["TcpExt.ListenOverflows"], h.Listeners[0].Queue = 500, 512
		}), "descriptors-exhausted certain, accept-backlog-full likely"},
		{"both queues", spoil(func(h *record.Host) {
			h.Counters["TcpExt.ListenOverflows"], h.Counters["TcpExt.TCPReqQFullDoCookies"] = 500, 40
		}), "accept-backlog-full certain, syn-queue-full possible"},
		{"one tuple full, another past its half", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 14_116, 14_116, 600)
			out(h, "10.1.2.8", 14_116, 900, 240)
		}), "port-tuple-exhausted likely, half-range-cliff likely"},
		{"tracking and ports", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 14_116, 14_116, 600)
			h.Conntrack.Entries, h.Conntrack.Dropped = 262_144, ptr(int64(70))
		}), "conntrack-full certain, port-tuple-exhausted likely"},
	}
}

// well are hosts that look like trouble to somebody, and are not in any.
func well() []example {
	return []example{
		{"quiet", quiet(), "healthy likely"},
		{"18,000 TIME_WAIT of clients", spoil(func(h *record.Host) {
			for _, c := range []record.Counts{h.States, h.Peak, h.Flows[0].States} {
				c[record.TimeWait] = 18_122
			}
		}), "healthy likely"},
		{"18,000 TIME_WAIT of its own, over many tuples", spoil(func(h *record.Host) {
			for _, to := range []string{"10.1.2.1", "10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"} {
				out(h, to, 3_000, 0, 49)
			}
		}), "healthy likely"},
		{"near the cliff", spoil(func(h *record.Host) { out(h, "10.1.2.9", 11_902, 0, 198) }), "healthy likely"},
		{"full, but all of it is taken over", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 14_116, 14_116, 300)
			h.Sysctls["net.ipv4.tcp_tw_reuse"] = "1"
		}), "healthy likely"},
		{"full over loopback", spoil(func(h *record.Host) { out(h, "127.0.0.1", 14_116, 14_116, 300).Local = "127.0.0.1" }), "healthy likely"},
		{"full, and no program of the trial failed", spoil(func(h *record.Host) {
			out(h, "10.1.2.9", 14_116, 14_116, 300)
			h.Source, h.Errors = record.FromTrial, []record.Outcome{}
		}), "healthy certain"},
		{"past half, taken in any order", spoil(func(h *record.Host) { out(h, "10.1.2.9", 8_000, 8_000, 260) }), "healthy likely"},
		{"a handful of CLOSE_WAIT and FIN_WAIT2", spoil(func(h *record.Host) {
			h.States[record.CloseWait], h.Stayed[record.CloseWait] = 30, 25
			h.States[record.FinWait2], h.Stayed[record.FinWait2] = 262, 200
		}), "healthy likely"},
		{"CLOSE_WAIT that come and go", spoil(func(h *record.Host) {
			h.States[record.CloseWait], h.Stayed[record.CloseWait] = 400, 3
		}), "healthy likely"},
		{"FIN_WAIT2 among many more TIME_WAIT", spoil(func(h *record.Host) {
			h.States[record.FinWait2], h.States[record.TimeWait] = 600, 20_000
		}), "healthy likely"},
		{"overflows long ago", spoil(func(h *record.Host) {
			h.SinceBoot = map[string]int64{
				"TcpExt.ListenOverflows": 1_300, "TcpExt.TCPReqQFullDoCookies": 12, "TcpExt.TCPAbortOnTimeout": 90_000,
			}
		}), "healthy likely"},
		{"50,000 busy connections", spoil(func(h *record.Host) {
			for _, c := range []record.Counts{h.States, h.Peak, h.Stayed, h.Flows[0].States} {
				c[record.Established] = 50_000
			}
			h.Counters["Tcp.InSegs"], h.Counters["Tcp.OutSegs"] = 900_000, 900_000
			h.Flows[0].KeptAlive = 50_000
		}), "healthy likely"},
		{"some clients of many vanish", spoil(func(h *record.Host) {
			h.Counters["TcpExt.TCPAbortOnTimeout"], h.Counters["Tcp.PassiveOpens"] = 40, 9_000
			h.Flows[0].Unanswered, h.Flows[0].Retransmitting = 6, 9
		}), "healthy likely"},
		{"connects to somebody else time out", spoil(func(h *record.Host) {
			h.Counters["TcpExt.TCPAbortOnTimeout"], h.Counters["Tcp.AttemptFails"] = 60, 60
		}), "healthy likely"},
		{"tracking drops clashes", spoil(func(h *record.Host) { h.Conntrack.Dropped = ptr(int64(12)) }), "healthy likely"},
		{"every SYN gets a cookie", spoil(func(h *record.Host) {
			h.Counters["TcpExt.TCPReqQFullDoCookies"], h.Sysctls["net.ipv4.tcp_syncookies"] = 300, "2"
		}), "healthy likely"},
		{"a port that a program names is in use", spoil(func(h *record.Host) {
			h.Source, h.Errors = record.FromTrial, failed("connect", "ECONNREFUSED", 8)
		}), "healthy possible"},
		{"nothing but a table of states", record.Host{
			Source: record.FromPasted, States: record.Counts{
				record.TimeWait: 18_122, record.SynRecv: 348, record.FinWait1: 229, record.Established: 70, record.Closing: 33,
				record.FinWait2: 30, record.LastAck: 14,
			},
		}, "healthy possible"},
		{"nothing at all", record.Host{}, "healthy possible"},
	}
}
