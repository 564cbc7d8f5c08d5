//go:build linux

package experiment

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// The test binary plays the program: a lab starts it again as its first process and as each peer.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "lab-init":
			os.Exit(lab.Init())
		case "peer":
			os.Exit(servePeer())
		}
		if !strings.HasPrefix(os.Args[1], "-test.") {
			os.Exit(2) // never the tests again: a lab that starts itself would have no end
		}
	}
	os.Exit(m.Run())
}

func servePeer() int {
	conn, err := peer.Inherited(lab.ControlFD)
	if err == nil {
		err = peer.Serve(conn)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func options(int) trial.Options {
	return trial.Options{Program: lab.Program{Path: "/proc/self/exe", Init: []string{"lab-init"}, Peer: []string{"peer"}}}
}

func scenarios(t *testing.T, n int, set ...string) (out []scenario.Scenario) {
	t.Helper()
	base, err := scenario.Find(MatrixBase)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		s, err := base.With(append([]string{fmt.Sprintf("load.stop.connections=%d", 10+i)}, set...))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s.Resolve())
	}
	return out
}

// Each scenario is run once, whichever ends first, and told of under its own number.
func TestNetNSRunTellsOfEachOnce(t *testing.T) {
	nstest.Require(t)
	told := map[int]int64{}
	Run(t.Context(), t.Context(), scenarios(t, 5), options, 3, func(i int, r *record.Trial, err error) {
		if err != nil {
			t.Error(err)
			return
		}
		if _, again := told[i]; again {
			t.Errorf("%d was told of twice", i)
		}
		told[i] = r.Connections.OK
	})
	for i := range 5 {
		if told[i] != int64(10+i) {
			t.Errorf("trial %d opened %d connections", i, told[i])
		}
	}
}

// An interrupt lets what is under way end as interrupted, and starts nothing more.
func TestNetNSRunIsInterrupted(t *testing.T) {
	nstest.Require(t)
	soft, stop := context.WithCancel(t.Context())
	defer stop()
	var ended []record.Status
	slow := scenarios(t, 6, "load.hold=30s")
	begun := time.Now()
	time.AfterFunc(500*time.Millisecond, stop)
	Run(soft, t.Context(), slow, options, 2, func(_ int, r *record.Trial, err error) {
		if err == nil {
			ended = append(ended, r.Status)
		}
	})
	if len(ended) > 2 || time.Since(begun) > 25*time.Second {
		t.Errorf("%v after %v", ended, time.Since(begun))
	}
	for _, s := range ended {
		if s != record.Interrupted {
			t.Errorf("ended as %s", s)
		}
	}
}
