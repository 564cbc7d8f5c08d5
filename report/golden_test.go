package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

var update = flag.Bool("update", false, "write the records and goldens of testdata anew")

var widths = []int{80, 100, 120}

func render(t *testing.T, format string, tr *record.Trial, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(format, &b, tr, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./report -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-golden +got); if that is meant, go test ./report -update:\n%s", path, diff)
	}
}

func stem(tr *record.Trial) string { return stemOf(tr.ID) }

func stemOf(id string) string { return strings.TrimSuffix(id, "-20261121-101500-ab12") }

func options(tr *record.Trial, width int) Options {
	return Options{Width: width, RecordPath: "twomsl-results/" + tr.ID + ".json"}
}

func TestGoldens(t *testing.T) {
	for _, made := range fixtures() {
		t.Run(stem(made), func(t *testing.T) {
			golden(t, stem(made)+".json", render(t, "json", made, Options{}))
			tr, err := record.Read(filepath.Join("testdata", stem(made)+".json"))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range widths {
				golden(t, fmt.Sprintf("%s.%d.txt", stem(made), w), render(t, "terminal", tr, options(tr, w)))
			}
			if tr.Sides.Client.States.End != nil {
				golden(t, stem(made)+".states.txt", render(t, "states", tr, Options{}))
			}
		})
	}
	golden(t, "incident-18000.color.txt", render(t, "terminal", incident(), Options{Color: true}))
}

// Every record of testdata belongs to a fixture, so that none goes stale unseen.
func TestGoldensAreComplete(t *testing.T) {
	known := map[string]bool{}
	for _, tr := range fixtures() {
		known[stem(tr)] = true
	}
	for _, m := range matrices() {
		known[stemOf(m.ID)] = true
	}
	for _, c := range comparisons() {
		known[stemOf(c.ID)] = true
	}
	for _, c := range claimSets() {
		known[stemOf(c.ID)] = true
	}
	for _, b := range benches() {
		known[stemOf(b.ID)] = true
	}
	for _, g := range gates() {
		known[stemOf(g.ID)] = true
	}
	for name := range diagnosesOf() {
		known[name] = true
	}
	for _, r := range reproductions() {
		known[stemOf(r.ID)] = true
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, _, _ := strings.Cut(f.Name(), "."); !f.IsDir() && !known[name] {
			t.Errorf("testdata/%s belongs to no fixture", f.Name())
		}
	}
}

func TestEveryLineFits(t *testing.T) {
	for _, tr := range fixtures() {
		for _, w := range []int{60, 61, 72, 80, 99, 100, 120, 200} {
			out := render(t, "terminal", tr, options(tr, w))
			fits(t, stem(tr), out, w)
		}
	}
}

// fits holds a screen to its width, and to what every screen keeps to.
func fits(t *testing.T, name, out string, w int) {
	t.Helper()
	for i, l := range strings.Split(out, "\n") {
		if columns(l) > w {
			t.Errorf("%s at %d: line %d takes %d columns: %s", name, w, i+1, columns(l), l)
		}
		if strings.TrimRight(l, " ") != l {
			t.Errorf("%s at %d: line %d ends in spaces", name, w, i+1)
		}
	}
	if strings.Contains(out, "\n\n\n") || !strings.HasSuffix(out, "\n") || strings.HasSuffix(out, "\n\n") {
		t.Errorf("%s at %d: empty lines are not single, or the end is not one newline", name, w)
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColour(t *testing.T) {
	for _, tr := range fixtures() {
		for _, w := range widths {
			opt := options(tr, w)
			without := render(t, "terminal", tr, opt)
			if strings.Contains(without, "\x1b") {
				t.Errorf("%s: an escape sequence without Color", stem(tr))
			}
			opt.Color = true
			with := render(t, "terminal", tr, opt)
			if with == without {
				t.Errorf("%s: Color changes nothing", stem(tr))
			}
			if diff := cmp.Diff(without, escape.ReplaceAllString(with, "")); diff != "" {
				t.Errorf("%s: Color changes more than colour:\n%s", stem(tr), diff)
			}
		}
	}
}

// The environment has no say: a report reads neither NO_COLOR nor a terminal nor a locale.
func TestSameBytes(t *testing.T) {
	for _, format := range quickFormats() {
		for _, tr := range fixtures() {
			if format == "states" && tr.Sides.Client.States.End == nil {
				continue
			}
			first := render(t, format, tr, options(tr, 80))
			t.Setenv("NO_COLOR", "1")
			t.Setenv("LC_ALL", "zh_CN.UTF-8")
			t.Setenv("COLUMNS", "40")
			for range 5 {
				if again := render(t, format, tr, options(tr, 80)); again != first {
					t.Fatalf("%s of %s differs the second time:\n%s", format, stem(tr), cmp.Diff(first, again))
				}
			}
		}
	}
}

func TestFixturesAgreeWithThemselves(t *testing.T) {
	for _, tr := range fixtures() {
		if err := tr.Check(); err != nil {
			t.Errorf("%s: %v", stem(tr), err)
		}
		n := tr.Connections
		if n.Attempted != n.OK+n.Failed+n.Unfinished {
			t.Errorf("%s: %d opened, %d ok, %d failed, %d unfinished", stem(tr), n.Attempted, n.OK, n.Failed, n.Unfinished)
		}
		if c := tr.Rate.ReachedPerSecond * tr.Phases.LoadSeconds; whole(c) != n.Attempted {
			t.Errorf("%s: rate x time is %.1f, opened were %d", stem(tr), c, n.Attempted)
		}
		told := int64(0)
		for _, o := range failuresOf(tr, client) {
			told += o.Count
		}
		if told != n.Failed {
			t.Errorf("%s: outcomes tell %d failures of %d", stem(tr), told, n.Failed)
		}
		for _, side := range sides {
			l := ledgerOf(tr, side)
			if l.Entered == nil {
				continue
			}
			rest := *l.Entered - valueOr(l.Unexplained, 0)
			rest -= valueOr(l.Standing, 0) + valueOr(l.Replaced, 0) + valueOr(l.Reused, 0) + valueOr(l.FinWait2, 0) + valueOr(l.GivenUp, 0)
			if rest < valueOr(l.Expired, 0) || rest > valueOr(l.ExpiredMost, 0) {
				t.Errorf("%s: the %s's ledger leaves %d over", stem(tr), side, rest)
			}
		}
	}
}

var (
	sum  = regexp.MustCompile(`([\d,]+) (?:opened|entered by the \w+) = ([^·:]+)`)
	item = regexp.MustCompile(`([+-] |^)([\d,]+) `)
)

// Every equals sign on a screen stands over a sum that is true, counted from the screen's own text.
func TestPrintedSums(t *testing.T) {
	sums := 0
	for _, tr := range fixtures() {
		for _, w := range widths {
			text := render(t, "terminal", tr, options(tr, w))
			text = regexp.MustCompile(`\n {16}`).ReplaceAllString(text, " ")
			for line := range strings.Lines(text) {
				for _, m := range sum.FindAllStringSubmatch(line, -1) {
					sums++
					got := int64(0)
					for _, part := range item.FindAllStringSubmatch(m[2], -1) {
						n := number(t, part[2])
						if strings.HasPrefix(part[1], "-") {
							n = -n
						}
						got += n
					}
					if want := number(t, m[1]); got != want {
						t.Errorf("%s at %d: %q adds up to %d", stem(tr), w, m[0], got)
					}
				}
			}
		}
	}
	if want := len(fixtures()) * len(widths); sums < want {
		t.Errorf("found %d sums, want at least %d: does the pattern still fit the screen?", sums, want)
	}
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.ReplaceAll(s, ",", ""), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
