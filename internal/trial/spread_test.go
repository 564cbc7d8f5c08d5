//go:build linux

package trial

import (
	"slices"
	"testing"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// At full speed each worker has a processor to itself; everywhere else, and where somebody says otherwise, the kernel
// places them.
func TestSpread(t *testing.T) {
	t.Parallel()
	cpus, err := linux.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(cpus) < 2 {
		t.Skip("one processor")
	}
	for name, c := range map[string]struct {
		overrides []string
		opt       Options
		want      int
	}{
		"full speed":          {nil, Options{}, len(cpus)},
		"as many workers":     {[]string{"client.workers=2", "server.workers=2", "load.concurrency=16"}, Options{}, 2},
		"few in flight":       {[]string{"load.concurrency=8"}, Options{}, 0},
		"one worker":          {[]string{"client.workers=1"}, Options{}, 0},
		"a rate":              {[]string{"load.rate=300/s"}, Options{}, 0},
		"another engine":      {[]string{"engine=net"}, Options{}, 0},
		"threads":             {[]string{"io=blocking"}, Options{}, 0},
		"listeners alone":     {[]string{"server.reuse_port=off"}, Options{}, 0},
		"a server that rests": {[]string{"server.accept_delay=1ms"}, Options{}, 0},
		"--cpus":              {nil, Options{CPUs: record.SidePair[[]int]{Client: cpus[:1]}}, 0},
	} {
		r := &run{scenario: start(t, "port-exhaustion", append([]string{"load.concurrency=4096"}, c.overrides...)...).Resolve(), opt: c.opt}
		r.chooseSpread()
		if !slices.Equal(r.cpus, cpus[:c.want]) {
			t.Errorf("%s: on processors %v of %v", name, r.cpus, cpus)
		}
		if n := r.workers(); c.want > 0 && n != (record.SidePair[int]{Client: c.want, Server: c.want}) {
			t.Errorf("%s: workers %+v", name, n)
		}
	}
}

// The record says where the workers were.
func TestNetNSSpreadIsRecorded(t *testing.T) {
	t.Parallel()
	cpus, err := linux.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	for _, rate := range []string{"max", "3000/s"} {
		got := runTrial(t, manyResets(t, "load.rate="+rate), Options{})
		want := len(cpus)
		if rate != "max" || want == 1 {
			want = 0
		}
		if len(got.Spread) != min(want, 64/leastEach) || got.Connections.OK != resets {
			t.Errorf("at %s: on processors %v, %+v", rate, got.Spread, got.Connections)
		}
	}
}
