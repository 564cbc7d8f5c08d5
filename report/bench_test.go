package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"

	"twomsl/internal/record"
)

func renderBench(t *testing.T, format string, b *record.Bench, opt Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteBench(format, &out, b, opt); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func benchOptions(b *record.Bench, width int) Options {
	return Options{Width: width, RecordPath: "twomsl-results/" + b.ID + ".json"}
}

func TestBenchGoldens(t *testing.T) {
	for _, made := range benches() {
		name := stemOf(made.ID)
		golden(t, name+".json", renderBench(t, "json", made, Options{}))
		b, err := record.ReadBench(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range widths {
			golden(t, fmt.Sprintf("%s.%d.txt", name, w), renderBench(t, "terminal", b, benchOptions(b, w)))
		}
		golden(t, name+".md", renderBench(t, "markdown", b, benchOptions(b, 0)))
		golden(t, name+".bench", renderBench(t, "benchfmt", b, Options{}))
		golden(t, name+".csv", renderBench(t, "csv", b, Options{}))
		golden(t, filepath.Join("pages", name+".html"), dataURI.ReplaceAllString(renderBench(t, "html", b, benchOptions(b, 0)), "data:PICTURE"))
	}
	golden(t, "bench-curve.curve.csv", renderBench(t, "csv-curve", curveBench(), Options{}))
}

func TestBenchFits(t *testing.T) {
	for _, b := range append(benches(), benchOf("bench-empty", "scale", 1)) {
		for _, w := range []int{60, 61, 72, 80, 99, 100, 120, 200} {
			opt := benchOptions(b, w)
			text := renderBench(t, "terminal", b, opt)
			fits(t, b.ID, text, w)
			opt.Color = true
			if diff := cmp.Diff(text, escape.ReplaceAllString(renderBench(t, "terminal", b, opt), "")); diff != "" {
				t.Errorf("%s at %d: colour changes more than colour:\n%s", b.ID, w, diff)
			}
		}
	}
}

// Nothing in a record becomes markup, a terminal's command, a spreadsheet's formula or a line of its own.
func TestBenchIsOnlyText(t *testing.T) {
	for _, b := range append(benches(), benchOf("bench-empty", "scale", 1)) {
		standsAlone(t, b.ID, renderBench(t, "html", b, benchOptions(b, 0)))
		for _, format := range []string{"terminal", "markdown", "benchfmt", "csv"} {
			text, _, _ := strings.Cut(renderBench(t, format, b, benchOptions(b, 0)), "```sh") // in which nothing is markup
			if strings.ContainsAny(text, "\x1b\u202e\x00\u009b") || format == "markdown" && strings.Contains(text, "<script") {
				t.Errorf("%s as %s lets the record speak for itself:\n%s", b.ID, format, text)
			}
		}
	}
}

// The answer comes first, then the table, what is missing with its row, what to know of it, how to repeat it.
func TestBenchAnswerFirst(t *testing.T) {
	for name, in := range map[string]struct {
		bench *record.Bench
		want  []string
	}{
		"churn": {churnBench(), []string{
			"Not whole: what failed is told with its row.", "The most conns/s: 35,500 (34,980 to 36,101), engine paired, close client, how linger=0.",
			"5 rows, 5 rounds, all in turn, took 96.4 s. In every row: payload 1B.", "engine close how conns/s least to most x cpu-us/conn p99-us/connect",
			"paired client fin 30,878 29,950 to 31,204 64.8 42", "paired client linger=0 35,500 34,980 to 36,101 1.15 56.3 42",
			"split/uring client linger=0 33,000", "! Failed: round 2: the server's peer left early", "! Not on this machine: TCP_FASTOPEN_CONNECT",
			"Rows of different engines (paired, split/uring, net)", "tcp_tw_reuse=1", "! The hypervisor took 0.4 s", "Not to be relied on: rate, latency.", "repeat twomsl bench churn",
		}},
		"against": {againstBench(), []string{
			"conns/s against twomsl 0.9.0: better in 1 row, no difference shown in 1 row.", "fin this one 30,878", "fin twomsl 0.9.0 20,800",
		}},
		"curve": {curveBench(), []string{
			"plain connect(): 54 us with 49 % of the ports taken, 7.4 ms from half on, 138 times as long.",
			"bind(address, 0): 27 us with 49 % of the ports taken, 9.0 ms from half on, 333 times as long.",
			"IP_LOCAL_PORT_RANGE over the same range: 27 us with 49 % of the ports taken, 27 us from half on.",
			"Taken at random there is no cliff: 28 us with half of the ports taken.",
			"Ports taken in the kernel's own order, by each way itself:", "taken 0 % 25 % 49 % 50 % 75 % 99 % 100 %",
			"plain p50 54 us 54 us 54 us 7.4 ms 7.4 ms 7.4 ms 16 ms", "p99 130 us 130 us 130 us 10 ms 10 ms 10 ms 19 ms",
			"bind p50", "own-range p50", "Ports taken by plain connect(), whoever asks then:", "bind p50 27 us 27 us 27 us 27 us 27 us 27 us 27 ms",
			"Ports taken in random order:", "! no-port: not on this machine: this kernel has no IP_LOCAL_PORT_RANGE",
			"Ways: plain is plain connect(); bind is bind(address, 0); no-port is IP_BIND_ADDRESS_NO_PORT; own-range is",
			"every call fails, with EADDRNOTAVAIL and EADDRINUSE:", "with plain connect() and half of the ports taken 7.4 ms a call", "96 calls",
		}},
		"interrupted": {interruptedBench(), []string{"Interrupted: 5 rounds were asked for; the rounds that were over are here."}},
	} {
		text := flat(renderBench(t, "terminal", in.bench, benchOptions(in.bench, 120)))
		at := 0
		for _, want := range in.want {
			i := strings.Index(text[at:], want)
			if i < 0 {
				t.Fatalf("%s: %q is not there, or not after what comes before it:\n%s", name, want, text)
			}
			at += i
		}
	}
}

// What benchstat reads is what its own library reads: every value of every round under the row's name, another program's
// under its own tool.
func TestBenchFmtIsReadByItsLibrary(t *testing.T) {
	for _, b := range benches() {
		text := renderBench(t, "benchfmt", b, Options{})
		reader := benchfmt.NewReader(strings.NewReader(text), b.ID)
		got, tools := map[string][]float64{}, []string{}
		for reader.Scan() {
			switch r := reader.Result().(type) {
			case *benchfmt.SyntaxError:
				t.Errorf("%s: %v\n%s", b.ID, r, text)
			case *benchfmt.Result:
				if r.GetConfig("goos") != "linux" || r.GetConfig("goarch") != "amd64" || r.GetConfig("kernel") == "" || r.GetConfig("cpu") == "" {
					t.Errorf("%s: the configuration is %v", b.ID, r.Config)
				}
				if tool := r.GetConfig("tool"); !slices.Contains(tools, tool) {
					tools = append(tools, tool)
				}
				for _, v := range r.Values {
					key := string(r.Name) + " " + v.Unit
					got[key] = append(got[key], v.Value)
				}
			}
		}
		if err := reader.Err(); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if want := len(benchPrograms(b)); len(tools) != want && b.ID != hostileBench().ID {
			t.Errorf("%s: %d tools, want %d: %v", b.ID, len(tools), want, tools)
		}
		if b.ID != churnBench().ID {
			continue
		}
		want := []float64{31640, 34375, 34423, 33000, 32900}
		if diff := cmp.Diff(want, got["Churn/engine=split:uring/close=client/how=linger=0/payload=1B conns/s"]); diff != "" {
			t.Errorf("the values of a row differ:\n%s\n%s", diff, text)
		}
	}
}

// Two programs of one version are told apart: benchstat could not compare them otherwise.
func TestBenchFmtTellsProgramsApart(t *testing.T) {
	b := againstBench()
	for i := range b.Rows[2:] {
		b.Rows[2+i].Against = b.Tool
	}
	text := renderBench(t, "benchfmt", b, Options{})
	if got := regexp.MustCompile(`(?m)^tool: .*`).FindAllString(text, -1); !slices.Equal(got, []string{"tool: twomsl 1.0.0", "tool: twomsl 1.0.0 (the other)"}) {
		t.Errorf("the tools are %q", got)
	}
}

func TestBenchCSV(t *testing.T) {
	b := againstBench()
	rows, err := csv.NewReader(strings.NewReader(renderBench(t, "csv", b, Options{}))).ReadAll()
	if err != nil || len(rows) != 1+4*4 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	for _, row := range rows[1:] {
		if column(row, "against") == "" && column(row, "verdict") != "" {
			t.Errorf("a row of this program alone has a verdict: %q", row)
		}
	}
	for _, want := range []struct{ row, metric, verdict, median string }{
		{"Churn/engine=paired/close=client/how=fin/payload=1B", "connects_per_second", "better", "20800"},
		{"Churn/engine=paired/close=client/how=fin/payload=1B", "cpu_us_per_connection", "better", ""},
		{"Churn/engine=paired/close=client/how=linger=0/payload=1B", "connects_per_second", "no-difference", "35450"},
		{"Churn/engine=paired/close=client/how=linger=0/payload=1B", "connect_p99_us", "", "42"},
	} {
		found := false
		for _, row := range rows[1:] {
			if column(row, "row") != want.row || column(row, "metric") != want.metric || column(row, "against") == "" {
				continue
			}
			found = true
			if column(row, "verdict") != want.verdict || want.median != "" && column(row, "median") != want.median {
				t.Errorf("want %v, got %q", want, row)
			}
		}
		if !found {
			t.Errorf("no row for %v", want)
		}
	}
	empty := churnBench()
	if rows, err = csv.NewReader(strings.NewReader(renderBench(t, "csv", empty, Options{}))).ReadAll(); err != nil || column(rows[len(rows)-1], "unsupported") == "" {
		t.Errorf("a row without figures is not there, or does not say why: %q, %v", rows[len(rows)-1], err)
	}
}

func TestBenchFormats(t *testing.T) {
	if diff := cmp.Diff([]string{"benchfmt", "csv", "csv-curve", "html", "json", "markdown", "terminal"}, BenchFormats()); diff != "" {
		t.Error(diff)
	}
	if err := WriteBench("states", &bytes.Buffer{}, churnBench(), Options{}); err == nil || !strings.Contains(err.Error(), `unknown format "states" for a benchmark`) {
		t.Error(err)
	}
}

// Whatever a file holds that passes as a record can be told in every format.
func FuzzRenderBench(f *testing.F) {
	for _, b := range benches() {
		data, err := record.EncodeBench(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := record.DecodeBench("fuzz", data)
		if err != nil || len(b.Rows) > 50 {
			return
		}
		for _, format := range slices.DeleteFunc(BenchFormats(), func(f string) bool { return f == "html" }) { // whose pictures take long
			var out bytes.Buffer
			if err := WriteBench(format, &out, b, Options{Width: 80}); err != nil {
				t.Errorf("%s: %v", format, err)
			}
			if format == "terminal" {
				fits(t, "fuzz", out.String(), 80)
			}
		}
	})
}
