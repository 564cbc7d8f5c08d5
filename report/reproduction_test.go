package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func renderReproduction(t *testing.T, format string, r *record.Reproduction, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteReproduction(format, &b, r, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func reproductionOptions(r *record.Reproduction, width int) Options {
	return Options{Width: width, RecordPath: "twomsl-results/" + r.ID + ".json"}
}

func TestReproductionGoldens(t *testing.T) {
	for _, made := range reproductions() {
		name := stemOf(made.ID)
		t.Run(name, func(t *testing.T) {
			golden(t, name+".json", renderReproduction(t, "json", made, Options{}))
			r, err := record.ReadReproduction(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range widths {
				golden(t, fmt.Sprintf("%s.%d.txt", name, w), renderReproduction(t, "terminal", r, reproductionOptions(r, w)))
			}
			golden(t, name+".md", renderReproduction(t, "markdown", r, reproductionOptions(r, 0)))
		})
	}
	golden(t, "reproduce-squid-18122.color.txt", renderReproduction(t, "terminal", squidRebuilt(), Options{Color: true}))
}

func TestReproductionFormats(t *testing.T) {
	if diff := cmp.Diff([]string{"html", "json", "markdown", "states", "terminal"}, ReproductionFormats()); diff != "" {
		t.Errorf("formats (-want +got):\n%s", diff)
	}
	for _, f := range ReproductionFormats() {
		if err := WriteReproduction(f, brokenPipe{}, squidRebuilt(), Options{}); err == nil || !strings.Contains(err.Error(), "broken pipe") {
			t.Errorf("%s: error is %v", f, err)
		}
	}
	if err := WriteReproduction("csv", brokenPipe{}, squidRebuilt(), Options{}); err == nil ||
		!strings.Contains(err.Error(), `unknown format "csv" for a reproduction`) {
		t.Error(err)
	}
}

func TestReproductionLinesFit(t *testing.T) {
	for _, r := range reproductions() {
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", r.ID, err)
		}
		for _, w := range []int{60, 61, 72, 80, 90, 99, 100, 120, 200} {
			opt := reproductionOptions(r, w)
			without := renderReproduction(t, "terminal", r, opt)
			fits(t, r.ID, without, w)
			opt.Color = true
			with := renderReproduction(t, "terminal", r, opt)
			if diff := cmp.Diff(without, escape.ReplaceAllString(with, "")); diff != "" {
				t.Errorf("%s: Color changes more than colour:\n%s", r.ID, diff)
			}
		}
	}
}

// The table that was pasted can be laid beside what -o states prints.
func TestReproductionStates(t *testing.T) {
	want := "SYN_RECV 348\nESTABLISHED 70\nFIN_WAIT1 229\nFIN_WAIT2 30\nCLOSING 33\nTIME_WAIT 18122\nLAST_ACK 14\n"
	if got := renderReproduction(t, "states", squidRebuilt(), Options{}); got != want {
		t.Errorf("%q", got)
	}
}

// What is said of every kind of ending, in each form for people.
func TestReproductionIsTold(t *testing.T) {
	reached := func(r *record.Reproduction) { r.ReachedSeconds = nil }
	for name, c := range map[string]struct {
		made   *record.Reproduction
		change func(*record.Reproduction)
		says   string
	}{
		"exact":       {made: squidRebuilt(), says: "18,846 sockets in 7 states stood as asked, to the last one, for the whole 30.0 s (290 looks)."},
		"off":         {made: scaledRebuilt(), says: "not all stood as asked for the whole 30.0 s (290 looks): 2 sockets stood in CLOSE_WAIT that nobody asked for."},
		"not reached": {made: scaledRebuilt(), change: reached, says: "not all came to stand: 2 sockets stood in CLOSE_WAIT that nobody asked for."},
		"not counted": {made: cutOffRebuilt(), says: "Asked for were 6 sockets in 2 states; what stood was not counted."},
		"interrupted": {made: cutOffRebuilt(), says: "Interrupted."},
		"within 1 %": {made: squidRebuilt(), change: func(r *record.Reproduction) {
			r.Trial.Stand.Least[record.TimeWait] = 18_000
			r.States = nil
			r.Reproduced(r.Trial)
		}, says: "within 1 %: TIME_WAIT was off by 122 of 18,122 at the worst."},
		"scale":  {made: scaledRebuilt(), says: "184,791 sockets, read as a listing of ss; x 0.1, rounded, and a state that was there keeps at least one."},
		"closed": {made: scaledRebuilt(), says: "4 sockets in CLOSED, UNCONN or UNKNOWN are left out"},
		"closer": {made: scaledRebuilt(), says: "the struck host opened them and closed first (--closer client); 4 remote hosts (--clients 4)"},
		"lines":  {made: scaledRebuilt(), says: "2 lines that are no rows were passed over."},
	} {
		if c.change != nil {
			c.change(c.made)
		}
		for _, format := range []string{"terminal", "markdown"} {
			got := flat(strings.ReplaceAll(renderReproduction(t, format, c.made, Options{Width: 9999}), `\`, ""))
			if name == "interrupted" && format == "markdown" {
				continue // the answer says that nothing was counted
			}
			if !strings.Contains(strings.ReplaceAll(got, nbsp, " "), c.says) {
				t.Errorf("%s, %s: %q is missing in\n%s", name, format, c.says, got)
			}
		}
	}
}

// The page stands alone, says what the screen says, and escapes what a file's name may hold.
func TestReproductionPages(t *testing.T) {
	for _, r := range append(reproductions(), hostileRebuilt()) {
		page := renderReproduction(t, "html", r, Options{})
		standsAlone(t, r.ID, page)
		if renderReproduction(t, "html", r, Options{Width: 80, Color: true, RecordPath: "/elsewhere/x.json"}) != page {
			t.Errorf("%s: other bytes the second time", r.ID)
		}
		answer, _ := reproductionAnswer(r)
		if !strings.Contains(flat(page), flat(answer)) {
			t.Errorf("%s: the page lacks %q", r.ID, answer)
		}
		if strings.Contains(page, "<b>") {
			t.Errorf("%s: a name became markup", r.ID)
		}
	}
}

// hostileRebuilt has markup and control characters wherever a paste can put them.
func hostileRebuilt() *record.Reproduction {
	r := squidRebuilt()
	r.Source.Name, r.Source.Title, r.Command = "x/<b>|\x1b[31m`", "a|b\n<script>", "twomsl reproduce '<b>'\n```"
	r.Source.Kind = "\x1b]0;x\x07"
	r.States[0].How = "<b>\x1b[2J|"
	return r
}

func TestHostileReproduction(t *testing.T) {
	r := hostileRebuilt()
	for _, format := range []string{"terminal", "markdown"} {
		out := renderReproduction(t, format, r, Options{Width: 80})
		if strings.ContainsAny(out, "\x1b\x07") || format == "markdown" && strings.Contains(out, "<b>|") {
			t.Errorf("%s: %q", format, out)
		}
	}
}

// Whatever a record holds that can be read, it is told in every format without a panic.
func FuzzRenderReproduction(f *testing.F) {
	for _, r := range append(reproductions(), hostileRebuilt()) {
		data, err := record.EncodeReproduction(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"schema":"twomsl/reproduction/v1","id":"a","status":"complete","closer":"server","states":[{"state":"TIME_WAIT",` +
		`"standing":5,"holds":true}],"trial":{"schema":"twomsl/trial/v1","id":"a","status":"complete"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := record.DecodeReproduction("FILE", data)
		if err != nil {
			return
		}
		for _, format := range []string{"terminal", "markdown", "json"} {
			var b bytes.Buffer
			if err := WriteReproduction(format, &b, r, Options{Width: 80}); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if format != "json" && strings.ContainsAny(b.String(), "\x1b\x07") {
				t.Fatalf("%s: control characters in %q", format, b.String())
			}
		}
	})
}
