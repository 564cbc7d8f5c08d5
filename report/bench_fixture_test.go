package report

import (
	"strconv"
	"time"

	"twomsl/internal/record"
)

// benches are the records of benchmarks of the goldens.
func benches() []*record.Bench {
	return []*record.Bench{churnBench(), againstBench(), curveBench(), interruptedBench(), hostileBench()}
}

func benchOf(id, kind string, rounds int, rows ...record.BenchRow) *record.Bench {
	return &record.Bench{
		Schema: record.BenchSchema, ID: id + "-20261121-101500-ab12", Tool: "twomsl 1.0.0", Status: record.Complete,
		StartedAt: time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC), Seconds: 96.4, Command: "twomsl bench " + kind,
		Kind: kind, Title: "connections per second, and processor time of each", Rounds: rounds, Rows: rows,
		Environment: record.Environment{
			Kernel: "6.18.5-amd64", Arch: "amd64", CPUModel: "AMD EPYC", CPUs: 8, HZ: 250, Root: true, NoFileLimit: 1 << 20,
			Unmeasured: map[string]string{},
		},
	}
}

// churnOf is a row with its speed and its processor time in each round.
func churnOf(engine, side, how string, rates ...float64) record.BenchRow {
	r := record.BenchRow{
		Name:   "Churn/engine=" + engine + "/close=" + side + "/how=" + how + "/payload=1B",
		Config: []record.BenchKey{{Key: "engine", Value: engine}, {Key: "close", Value: side}, {Key: "how", Value: how}, {Key: "payload", Value: "1B"}},
		Engine: engine, Command: "twomsl bench churn --engine " + engine + " --close " + side + " --how " + how,
	}
	if engine == "split" {
		r.Engine = "split/uring"
	}
	speed := record.BenchMetric{Name: "connects_per_second", Unit: "conns/s", Better: "higher"}
	cpu := record.BenchMetric{Name: "cpu_us_per_connection", Unit: "cpu-us/conn", Better: "lower"}
	wait := record.BenchMetric{Name: "connect_p99_us", Unit: "p99-us/connect", Better: "lower"}
	failed := record.BenchMetric{Name: "failed", Unit: "failed/run", Better: "lower"}
	for i, v := range rates {
		r.Trials = append(r.Trials, "churn-20261121-101500-000"+strconv.Itoa(i))
		speed.Values, cpu.Values = append(speed.Values, v), append(cpu.Values, 2e6/v)
		wait.Values, failed.Values = append(wait.Values, 40+float64(i)), append(failed.Values, 0)
	}
	if len(rates) > 0 {
		r.Metrics = []record.BenchMetric{speed, cpu, wait, failed}
	}
	return r
}

func churnBench() *record.Bench {
	broken, missing := churnOf("net", "client", "linger=0", 17644.25), churnOf("split", "server", "graceful=1s")
	broken.Failure = "round 2: the server's peer left early: exit status 2"
	missing.Unsupported = "TCP_FASTOPEN_CONNECT: ENOPROTOOPT: this kernel has none"
	b := benchOf(
		"bench-churn", "churn", 5,
		churnOf("paired", "client", "fin", 30878, 31204.5, 29950, 30600, 31000),
		churnOf("paired", "client", "linger=0", 35569, 34980, 36100.75, 35200, 35500),
		churnOf("split", "client", "linger=0", 31640, 34375, 34423, 33000, 32900),
		broken, missing,
	)
	b.Status = record.Failed
	b.Notes = []string{"Where the client closes with a FIN it has net.ipv4.tcp_tw_reuse=1: without it the 64,512 ports of its one tuple would be gone within seconds."}
	b.Warnings = []record.Warning{{
		Code: "steal", Text: "the hypervisor took 0.4 s of the processors while the load ran (said 3 times; first of Churn/engine=paired)",
		Advice: "run it again when the machine is quiet", Spoils: []string{"rate", "latency"},
	}}
	return b
}

func againstBench() *record.Bench {
	list := []record.BenchRow{
		churnOf("paired", "client", "fin", 30878, 31204, 29950, 30600, 31000),
		churnOf("paired", "client", "linger=0", 35569, 34980, 36100, 35200, 35500),
		churnOf("paired", "client", "fin", 20228, 21471, 20800, 20500, 21000),
		churnOf("paired", "client", "linger=0", 35600, 34900, 36200, 35100, 35450),
	}
	for i := range list[2:] {
		list[2+i].Against = "twomsl 0.9.0"
	}
	b := benchOf("bench-against", "churn", 5, list...)
	b.Command = "twomsl bench churn --close client --against ./twomsl-before"
	return b
}

func curveBench() *record.Bench {
	row := func(way, order string, before, half, empty float64, errno string) record.BenchRow {
		config := []record.BenchKey{{Key: "range", Value: "1024-65535"}, {Key: "way", Value: way}, {Key: "order", Value: order}}
		r := record.BenchRow{
			Name: "ConnectCost/range=1024-65535/way=" + way + "/order=" + order, Config: config,
			Command: "twomsl bench connect-cost --range 1024-65535 --way " + way + " --order " + order,
			Metrics: []record.BenchMetric{{Name: "call_us_at_50", Unit: "us@50%", Better: "lower", Values: []float64{half, half + 1, half - 1}}},
		}
		for _, at := range []float64{0, 25, 49, 50, 75, 99, 100} {
			p := record.BenchPoint{FullPercent: at, Calls: 96, P50US: before, P99US: 2.4 * before, MaxUS: 900, CPUUS: before - 1}
			if at >= 50 {
				p.P50US, p.P99US, p.CPUUS = half, 1.4*half, half-8
			}
			if at < 100 {
				p.FullPercent += 0.02
			} else {
				p.P50US, p.P99US, p.Failed, p.Errno = empty, 1.2*empty, p.Calls, errno
			}
			r.Curve = append(r.Curve, p)
		}
		return r
	}
	lost := row("no-port", "random", 26, 26, 16000, "EADDRNOTAVAIL")
	lost.Curve, lost.Metrics, lost.Unsupported = nil, nil, "this kernel has no IP_LOCAL_PORT_RANGE (Linux 6.3)"
	b := benchOf("bench-curve", "connect-cost", 3,
		row("plain", "kernel", 54, 7428, 16000, "EADDRNOTAVAIL"), row("bind", "kernel", 27, 9000, 27000, "EADDRINUSE"),
		row("own-range", "kernel", 27, 27, 16000, "EADDRNOTAVAIL"), row("bind", "plain", 27, 27, 27000, "EADDRINUSE"),
		row("plain", "random", 26, 28, 16000, "EADDRNOTAVAIL"), lost)
	b.Title = "what opening a connection costs while the port range 1024-65535 gets full"
	return b
}

func interruptedBench() *record.Bench {
	b := benchOf("bench-interrupted", "churn", 5, churnOf("paired", "client", "fin", 30878), churnOf("paired", "server", "fin"))
	b.Status = record.Interrupted
	return b
}

// hostileBench is a record that wants to steer a terminal and a page.
func hostileBench() *record.Bench {
	const evil = "\x1b[2J\x9b31m\r\n\u202ered\x00 | <script>`*x*` [a](b)\t```"
	r := churnOf("split", "client", "fin", 1, 2)
	r.Name, r.Engine, r.Command, r.Config, r.Trials = evil, evil, evil, []record.BenchKey{{Key: evil, Value: evil}}, []string{evil}
	r.Metrics[0].Unit, r.Metrics[1].Name = evil, evil
	s := r
	s.Against, s.Failure, s.Config = evil, evil, []record.BenchKey{{Key: evil, Value: "other"}}
	b := benchOf("bench-hostile", "scale", 2, r, s)
	b.Title, b.Command, b.Tool, b.Environment.Kernel, b.Environment.CPUModel = evil, evil, evil, evil, evil
	b.Notes, b.Warnings = []string{evil}, []record.Warning{{Code: evil, Text: evil, Advice: evil, Spoils: []string{evil}}}
	return b
}
