//go:build linux

package assay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"twomsl/internal/lab"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/peer"
	"twomsl/internal/record"
)

// program is the test binary itself.
var program = lab.Program{Path: "/proc/self/exe", Init: []string{"lab-init"}, Peer: []string{"assay"}}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case program.Init[0]:
			os.Exit(lab.Init())
		case program.Peer[0]:
			os.Exit(serve())
		}
		if !strings.HasPrefix(os.Args[1], "-test.") {
			os.Exit(2) // never the tests again: a lab that starts itself would have no end
		}
	}
	os.Exit(m.Run())
}

func serve() int {
	conn, err := peer.Inherited(lab.ControlFD)
	if err == nil {
		err = Serve(conn)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// What an assay measures on Linux 6.18, as its arguments have it. The long ones, and all of them with their mechanism
// switched, are in the test of the claims.
func TestNetNSAssaysMeasure(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for words, want := range map[string]map[string]float64{
		"buckets":                                  {"before": 300, "after": 300, "overflow": 100},
		"buckets limit=100000":                     {"before": 300, "after": 400, "overflow": 0},
		"syn-queue cookies=0":                      {"kept": 129, "drops": 171, "served": 0, "beside": 20},
		"syn-queue cookies=1":                      {"kept": 129, "cookies": 171, "served": 20},
		"syn-queue cookies=0 max_syn_backlog=64":   {"kept": 49},
		"accept-queue":                             {"queued": 9, "overflows": 31, "beside": 20},
		"keepalive time=1200":                      {"with": 20, "without": 0, "setting": 1200},
		"graceful":                                 {"eof": 20, "time_wait": 20, "fin_wait_2": 0},
		"graceful peer=stays wait_ms=100":          {"eof": 0, "time_wait": 0, "fin_wait_2": 20},
		"fin-ack":                                  {"fin_wait_1": 20, "fin_wait_2": 0, "time_wait": 20},
		"fin-ack ack=alone":                        {"fin_wait_1": 0, "fin_wait_2": 20, "time_wait": 20},
		"tuple":                                    {"filled": 100, "same": 0, "other_port": 20, "other_address": 20, "other_source": 20, "udp": 20},
		"descriptors":                              {"accepted": 10, "queued": 20, "emfile": 2, "old": 1},
		"again protocol=tcp":                       {"again": 0, "time_wait": 20},
		"idle open=200 for_ms=100":                 {"open": 200, "answered": 15, "time_wait": 0},
		"idle open=200 for_ms=100 keep=no":         {"open": 0, "answered": 15, "time_wait": 15},
		"cliff low=40000 high=40999 holder=client": {"range": 1000, "held_server": 0},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			got, err := Run(t.Context(), program, try(words))
			if err != nil || got.Failure != "" || got.Cannot != "" {
				t.Fatalf("%+v, %v", got, err)
			}
			for name, value := range want {
				if !has(got, name, value) {
					t.Errorf("%s is not %v: %+v", name, value, got.Figures)
				}
			}
		})
	}
}

func try(words string) record.Try {
	name, arguments, _ := strings.Cut(words, " ")
	return record.Try{Assay: name, Arguments: strings.Fields(arguments)}
}

func has(r Result, name string, value float64) bool {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value == value
		}
	}
	return false
}

// A kernel without SCTP says so by its errno; one that has it opens the same connection again at once.
func TestNetNSAgainOverSCTP(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	got, err := Run(t.Context(), program, try("again"))
	if err != nil || got.Failure != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.Cannot == "" && !has(got, "again", 20) || got.Cannot != "" && !strings.Contains(got.Cannot, "EPROTONOSUPPORT") {
		t.Errorf("%+v", got)
	}
}

// What cannot be ends the experiment with its reason, and a signal ends it at once.
func TestNetNSAssayEnds(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	got, err := Run(t.Context(), program, try("keepalive time=soon"))
	if err != nil || !strings.Contains(got.Cannot, "net.ipv4.tcp_keepalive_time = soon") {
		t.Errorf("a value that the kernel refuses: %+v, %v", got, err)
	}
	got, err = Run(t.Context(), program, try("tuple ports=many"))
	if err != nil || !strings.Contains(got.Failure, "argument ports") {
		t.Errorf("a number that is none: %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = Run(ctx, program, try("life")); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that is over before it began: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for words, want := range map[string]string{
		"":             `there is no assay ""`,
		"lif":          `did you mean life?`,
		"life lasting": `assay life has no argument "lasting"; known: fin_timeout, peer, sockets`,
		"life a=b":     `assay life has no argument "a=b"`,
	} {
		if err := Check(try(words)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; expected %q", words, err, want)
		}
	}
	for _, name := range Names() {
		if err := Check(try(name)); err != nil {
			t.Error(err)
		}
	}
}
