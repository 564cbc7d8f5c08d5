//go:build linux

package experiment

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// known is what the running wing can do, without an engine's being there.
var known = scenario.Known{Engines: []string{"split", "net"}, IOs: []string{"auto", "epoll"}, Close: teardown.Check}

func rows(t *testing.T, a Axes) []Row {
	t.Helper()
	r, err := Matrix(a, known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every strategy is in the matrix with every side that can do it, in either family, without anybody naming it here.
func TestMatrixHasEveryStrategy(t *testing.T) {
	has := map[string]int{}
	for _, r := range rows(t, Axes{}) {
		if len(r.Options) == 0 {
			has[fmt.Sprint(r.Scenario.Close.How, r.Scenario.Close.Side, r.Scenario.Family)]++
		}
	}
	for _, k := range teardown.Kinds() {
		for _, argument := range k.Samples {
			for _, side := range k.Sides {
				for _, family := range scenario.Families {
					row := fmt.Sprint(teardown.How(k, argument), side, family)
					if has[row] != 1 {
						t.Errorf("%d rows for %s", has[row], row)
					}
					delete(has, row)
				}
			}
		}
	}
	if len(has) > 0 {
		t.Errorf("and these: %v", has)
	}
}

// Every usual set of options makes rows; one that no strategy or side is left for would be tried in vain.
func TestUsualSetsMakeRows(t *testing.T) {
	all := rows(t, Axes{})
	for _, s := range usual {
		if !slices.ContainsFunc(all, func(r Row) bool { return slices.Equal(r.Options, s.options) }) {
			t.Errorf("no row has %q", s.options)
		}
	}
}

func TestMatrixAxes(t *testing.T) {
	for name, c := range map[string]struct {
		axes Axes
		want []string
	}{
		"one way, one side": {
			Axes{Hows: []scenario.How{"half"}, Sides: []scenario.Side{"server"}, Families: []scenario.Family{"ipv6"}},
			[]string{"twomsl run close-matrix --set close.side=server --set close.how=half --set family=ipv6"},
		},
		"a side that cannot is left out": {
			Axes{Hows: []scenario.How{"half"}, Families: []scenario.Family{"ipv4"}},
			[]string{
				"twomsl run close-matrix --set close.side=client --set close.how=half",
				"twomsl run close-matrix --set close.side=server --set close.how=half",
			},
		},
		"options and engines": {
			Axes{
				Hows: []scenario.How{"fin"}, Sides: []scenario.Side{"client"}, Families: []scenario.Family{"ipv4"},
				Engines: []string{"split", "net"},
				With:    [][]string{{"client.requests=2", "sysctl.client.net.ipv4.ip_local_port_range=40000 40999"}},
			},
			[]string{
				"twomsl run close-matrix --set close.side=client --set close.how=fin",
				"twomsl run close-matrix --set close.side=client --set close.how=fin --set client.requests=2 " +
					"--set 'sysctl.client.net.ipv4.ip_local_port_range=40000 40999'",
				"twomsl run close-matrix --set close.side=client --set close.how=fin --set engine=net",
				"twomsl run close-matrix --set close.side=client --set close.how=fin --set engine=net --set client.requests=2 " +
					"--set 'sysctl.client.net.ipv4.ip_local_port_range=40000 40999'",
			},
		},
	} {
		var got []string
		for _, r := range rows(t, c.axes) {
			got = append(got, r.Command())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestFullIsTheProduct(t *testing.T) {
	full := rows(t, Axes{Full: true, Families: []scenario.Family{"ipv4"}, With: [][]string{{"client.no_delay=on"}}})
	plain := rows(t, Axes{Families: []scenario.Family{"ipv4"}, With: [][]string{}})
	if len(full) != 2*len(plain) {
		t.Errorf("%d rows with a set, %d without any", len(full), len(plain))
	}
	if all := rows(t, Axes{Full: true}); len(all) < 500 {
		t.Errorf("%d rows in all", len(all))
	}
}

// What every row shares is in every row.
func TestMatrixBase(t *testing.T) {
	for _, r := range rows(t, Axes{Base: []string{"load.stop.connections=7"}, With: [][]string{}}) {
		if r.Scenario.Load.Stop.Connections != 7 || r.Scenario.Name != MatrixBase {
			t.Errorf("%+v", r.Scenario)
		}
		if !strings.Contains(r.Command(), "load.stop.connections=7") {
			t.Errorf("%s does not repeat the row", r.Command())
		}
	}
}

func TestMatrixTellsAllThatCannotBe(t *testing.T) {
	_, err := Matrix(Axes{Hows: []scenario.How{"finn", "linger=x"}, With: [][]string{{"client.bindd=address"}}}, known)
	for _, want := range []string{`"finn"`, `"x" is no linger`, "client.bind"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if _, err = Matrix(Axes{Hows: []scenario.How{"half"}, Sides: []scenario.Side{"both"}}, known); err == nil {
		t.Error("no row, and no error")
	}
}

func number(n int64) *int64 { return &n }

func TestRowRecord(t *testing.T) {
	r := rows(t, Axes{Hows: []scenario.How{"linger=0"}, Sides: []scenario.Side{"server"}, Families: []scenario.Family{"ipv4"}})[0]
	trial := &record.Trial{ID: "x", Engine: "split/epoll", Status: record.Complete}
	trial.Close.Side, trial.Close.Seen.Client.Reset, trial.Close.Seen.Server.Reset = "server", 90, 3
	agrees := true
	trial.Close.Agrees = &agrees
	trial.Connections = record.Connections{Attempted: 110, OK: 10, Failed: 100}
	trial.Outcomes = []record.Outcome{
		{Side: "client", Cause: "ok", Count: 10},
		{Side: "client", Phase: "connect", Cause: "refused", Count: 10},
		{Side: "client", Phase: "read", Cause: "reset", Count: 90},
	}
	trial.Bytes = record.Bytes{Written: 1000, Lost: number(300), ByConnection: &record.PerConnection{Metered: 100, WithLoss: 90}}
	trial.Sides.Client.CPU.UserSeconds, trial.Sides.Server.CPU.SystemSeconds = 0.001, 0.002
	trial.Sides.Client.Samples = []record.Sample{{PortsInUse: []int64{1, 1}}, {PortsInUse: []int64{20, 30}}, {}}
	trial.Ledger.Client.Reused, trial.Ledger.Server.Replaced = number(4), number(5)
	trial.Restart = &record.Restart{Errno: "EADDRINUSE"}
	trial.Warnings = []record.Warning{{Code: "schedule-late"}, {Code: "tw-overflow"}}
	got := r.RowRecord(trial, nil)
	told := []any{
		got.Trial, got.ResetsSeenByPeer, *got.BytesLost, *got.ConnectionsLost, *got.PortsPerConn, *got.CPUUSPerConn.Client,
		*got.CPUUSPerConn.Server, got.Reused, *got.RestartErrno, *got.Agrees, got.Connections, got.OK, got.Failed,
	}
	want := []any{
		"x", int64(90), int64(300), int64(90), 0.5, 10.0, 20.0,
		record.SidePair[int64]{Client: 4, Server: 5},
		"EADDRINUSE", true,
		int64(110), int64(10), int64(100),
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if w := got.Warnings; len(w) != 1 || w[0].Code != "tw-overflow" {
		t.Errorf("%+v", w)
	}
	trial.Bytes.ByConnection.Unmatched = 1
	if got := r.RowRecord(trial, nil); got.ConnectionsLost != nil {
		t.Error("connections are counted that could not be told apart")
	}
}

// A machine that lacks something is told from a trial that broke.
func TestRowsWithoutATrial(t *testing.T) {
	r := rows(t, Axes{Hows: []scenario.How{"fin"}, Sides: []scenario.Side{"client"}, Families: []scenario.Family{"ipv4"}})[0]
	lacks := r.RowRecord(nil, fmt.Errorf("client: %w", &peer.CannotError{Text: "no such option"}))
	if lacks.Unsupported != "no such option" || lacks.Failure != "" || lacks.How != "fin" || lacks.Engine != "split" {
		t.Errorf("%+v", lacks)
	}
	broke := r.RowRecord(nil, errors.New("the lab is gone"))
	if broke.Failure != "the lab is gone" || broke.Unsupported != "" {
		t.Errorf("%+v", broke)
	}
	failed := r.RowRecord(&record.Trial{Status: record.Failed, Failure: &record.Failure{Text: "killed"}}, nil)
	if failed.Failure != "killed" || failed.Agrees != nil {
		t.Errorf("%+v", failed)
	}
}
