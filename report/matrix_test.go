package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func renderMatrix(t *testing.T, format string, m *record.Matrix, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteMatrix(format, &b, m, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func matrixOptions(m *record.Matrix, width int) Options {
	return Options{Width: width, RecordPath: "twomsl-results/" + m.ID + ".json"}
}

// flat is a screen's text without its lines' ends, for sentences that may have been wrapped.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestMatrixGoldens(t *testing.T) {
	for _, made := range matrices() {
		name := stemOf(made.ID)
		t.Run(name, func(t *testing.T) {
			golden(t, name+".json", renderMatrix(t, "json", made, Options{}))
			m, err := record.ReadMatrix(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range widths {
				golden(t, fmt.Sprintf("%s.%d.txt", name, w), renderMatrix(t, "terminal", m, matrixOptions(m, w)))
			}
			golden(t, name+".md", renderMatrix(t, "markdown", m, matrixOptions(m, 0)))
		})
	}
	golden(t, "matrix.color.txt", renderMatrix(t, "terminal", contradicted(), Options{Color: true}))
}

func TestMatrixFormats(t *testing.T) {
	if diff := cmp.Diff([]string{"json", "markdown", "terminal"}, MatrixFormats()); diff != "" {
		t.Errorf("formats (-want +got):\n%s", diff)
	}
	var b bytes.Buffer
	err := WriteMatrix("states", &b, agreeing(), Options{})
	want := `unknown format "states" for a matrix: it is one of json, markdown, terminal`
	if err == nil || err.Error() != want || b.Len() > 0 {
		t.Errorf("got %v and %q", err, b.String())
	}
	for _, f := range MatrixFormats() {
		if err := WriteMatrix(f, brokenPipe{}, agreeing(), Options{}); err == nil || !strings.Contains(err.Error(), "broken pipe") {
			t.Errorf("%s: error is %v", f, err)
		}
	}
}

func TestMatrixFixturesAgreeWithThemselves(t *testing.T) {
	for _, m := range matrices() {
		if err := m.Check(); err != nil {
			t.Errorf("%s: %v", m.ID, err)
		}
	}
}

// Every line fits, and colour changes nothing but colour.
func TestMatrixLinesFit(t *testing.T) {
	for _, m := range matrices() {
		for _, w := range []int{60, 61, 72, 80, 90, 99, 100, 110, 120, 200} {
			opt := matrixOptions(m, w)
			without := renderMatrix(t, "terminal", m, opt)
			fits(t, m.ID, without, w)
			opt.Color = true
			with := renderMatrix(t, "terminal", m, opt)
			if diff := cmp.Diff(without, escape.ReplaceAllString(with, "")); diff != "" {
				t.Errorf("%s: Color changes more than colour:\n%s", m.ID, diff)
			}
		}
	}
}

// The mark and each contradiction of a contradicted row are red, whatever else is on the screen; nothing else is.
func TestContradictionsAreRed(t *testing.T) {
	for _, w := range widths {
		out := renderMatrix(t, "terminal", contradicted(), Options{Width: w, Color: true})
		for _, want := range []string{
			string(red) + "CONTRADICTED\x1b[0m", string(red) + "Declared no TIME_WAIT on the client, seen 3.",
			string(red) + "In 11 of 15 rows",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("at %d the screen lacks %q", w, want)
			}
		}
		if out := renderMatrix(t, "terminal", agreeing(), Options{Width: w, Color: true}); strings.Contains(out, string(red)) {
			t.Errorf("at %d a matrix that agrees has something in red", w)
		}
	}
}

// timeWaitFigure is what stands in a row's third column: seen/declared, or a gap.
var timeWaitFigure = regexp.MustCompile(`^(\d+/(all|none|some)|-)$`)

// Every row, with its mark and all of its figures that are not zero, is told at every width.
func TestMatrixTellsEveryRow(t *testing.T) {
	for _, w := range []int{60, 80, 100, 120} {
		m := contradicted()
		out := renderMatrix(t, "terminal", m, Options{Width: w})
		rows := 0
		for line := range strings.Lines(out) {
			f := strings.Fields(line)
			if len(f) > 4 && (f[0] == client || f[0] == server || f[0] == "both") && timeWaitFigure.MatchString(f[2]) {
				rows++
			}
		}
		if rows != len(m.Rows) {
			t.Errorf("at %d: %d rows of %d", w, rows, len(m.Rows))
		}
		for _, want := range []string{
			"client FIN_WAIT2 200", "server CLOSE_WAIT 200", "8,192,000 of 13,120,000 bytes, in 200 of 200 connections",
			"0+100", "EADDRINUSE", "unsupported (2)", "failed (3)", "not judged (1)", "(1) 12 of 200 connections failed, and",
			"not measured: bytes lost in 1 row: the memory for counting", "sockets as they are", "with client.bind=40000-40099",
		} {
			if !strings.Contains(flat(out), want) {
				t.Errorf("at %d the screen lacks %q:\n%s", w, want, out)
			}
		}
	}
}

// What was not measured is a gap, never a zero.
func TestMatrixMissingIsNeverZero(t *testing.T) {
	m := agreeing()
	m.Rows = m.Rows[:1]
	r := &m.Rows[0]
	r.Seen = record.SidePair[record.CloseSeen]{}
	r.BytesLost, r.ConnectionsLost, r.PortsPerConn = nil, nil, nil
	r.CPUUSPerConn = record.SidePair[*float64]{}
	m.Environment.Unmeasured["rows[].bytes_lost"] = "nobody counted"
	g := newGrid(m, 200)
	for _, c := range []*matrixColumn{columnClient, columnServer, columnLost, columnPorts, columnCPU} {
		if got := strings.Join(c.of(r), " "); got != gap {
			t.Errorf("%s is %q", c.name, got)
		}
	}
	if got := flat(strings.Join(columnStanding.of(r), " ")); got != "client - server -" {
		t.Errorf("left over is %q", got)
	}
	want := []string{
		"TIME_WAIT in 1 row: the record does not say why", "left over in 1 row: the record does not say why",
		"bytes lost in 1 row: nobody counted", "ports in 1 row: the record does not say why",
		"CPU us in 1 row: the record does not say why",
	}
	got := gapReasons(m, g.told())
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], nbsp, " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r.How = "graceful=500ms"
	out := flat(renderMatrix(t, "terminal", m, Options{Width: 60}))
	if !strings.Contains(out, "bytes lost not measured") {
		t.Errorf("the narrow screen lacks the gap:\n%s", out)
	}
}

func TestVerdicts(t *testing.T) {
	for want, change := range map[string]func(*record.Matrix){
		"In all 8 rows the kernel showed what is declared.":  func(*record.Matrix) {},
		"In the one row the kernel showed what is declared.": func(m *record.Matrix) { m.Rows = m.Rows[:1] },
		"No row was run.": func(m *record.Matrix) { m.Rows = nil },
		"In 7 of 8 rows the kernel showed what is declared. 1 failed.":                                       func(m *record.Matrix) { m.Rows[3].Failure = "x" },
		"In 6 of 8 rows the kernel showed what is declared. 2 were not judged.":                              func(m *record.Matrix) { m.Rows[3].Agrees, m.Rows[4].Agrees = nil, nil },
		"In 7 of 8 rows the kernel showed what is declared. 1 is CONTRADICTED.":                              func(m *record.Matrix) { m.Rows[3].Agrees = ptr(false) },
		"In 6 of 8 rows the kernel showed what is declared. 1 failed and 1 asks for what this kernel lacks.": func(m *record.Matrix) { m.Rows[3].Unsupported, m.Rows[4].Failure = "x", "y" },
		"No row was judged. 8 were not judged.": func(m *record.Matrix) {
			for i := range m.Rows {
				m.Rows[i].Agrees = nil
			}
		},
	} {
		m := agreeing()
		change(m)
		got, mood := verdict(m)
		if got = strings.ReplaceAll(got, nbsp, " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		wantMood := yellow
		switch {
		case strings.Contains(want, "CONTRADICTED"):
			wantMood = red
		case strings.HasPrefix(want, "In all"), strings.HasPrefix(want, "In the one"):
			wantMood = green
		}
		if mood != wantMood {
			t.Errorf("%q is in the wrong colour", want)
		}
	}
}

// Sockets as they are come first, wherever they stand in the record; the other groups keep their order.
func TestGroups(t *testing.T) {
	m := matrixOf("m", 1, 1, way(client, "fin", "b=1", "a=2"), way(client, "fin"), way(server, "fin", "a=1"),
		way(server, "fin", "b=1", "a=2"), way(server, "fin"))
	var got []string
	for _, g := range groups(m) {
		got = append(got, fmt.Sprintf("%s: %d", g.title, len(g.rows)))
	}
	if diff := cmp.Diff([]string{"sockets as they are: 2", "with b=1 a=2: 2", "with a=1: 1"}, got); diff != "" {
		t.Error(diff)
	}
	m.Rows[4].Family = "ipv6"
	if got := groups(m)[1].title; got != "sockets as they are · ipv6 · split/epoll" {
		t.Errorf("where families differ: %q", got)
	}
}

// A long matrix shows its heads again, once they are out of sight.
func TestHeadsComeAgain(t *testing.T) {
	var rows []record.MatrixRow
	for i := range 60 {
		rows = append(rows, way(client, "fin", fmt.Sprintf("a=%d", i/10)))
	}
	out := renderMatrix(t, "terminal", matrixOf("m", 1, 1, rows...), Options{})
	if n := strings.Count(out, "  result\n"); n != 2 {
		t.Errorf("the heads are shown %d times for 60 rows, want 2", n)
	}
}

// What a record holds can neither steer a terminal nor be markup.
func TestMatrixHostileText(t *testing.T) {
	const evil = "\x1b[2J\x9b31m\r\n\u202ered\x00\xff | <b>`*x*` [a](b)\t```"
	m := contradicted()
	m.ID, m.Command = "m", evil
	m.Environment.Unmeasured[evil], m.Environment.Kernel = evil, evil
	for i := range m.Rows {
		r := &m.Rows[i]
		r.Side, r.How, r.Family, r.Engine, r.Options = evil, evil+strings.Repeat("x", 90), evil, evil, []string{evil}
		r.NotJudged, r.Contradictions, r.Command, r.RestartErrno = evil, []string{evil}, evil, ptr(evil)
		r.Warnings = []record.Warning{{Code: evil, Text: evil, Advice: evil, Spoils: []string{evil}}}
	}
	m.Rows[1].Failure, m.Rows[2].Unsupported = evil, evil
	for _, format := range []string{"terminal", "markdown"} {
		out := renderMatrix(t, format, m, Options{RecordPath: evil, Width: 80})
		for _, r := range out {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Fatalf("%s: %q came through:\n%q", format, r, out)
			}
		}
		if format == "terminal" {
			fits(t, "hostile", out, 80)
			continue
		}
		prose, code, _ := strings.Cut(out, "\n```sh\n")
		if strings.Contains(prose, "<b>") || strings.Contains(prose, " | &lt;b") || strings.Count(code, "```") != 1 {
			t.Errorf("markup came through:\n%s", out)
		}
	}
}

func FuzzRenderMatrix(f *testing.F) {
	for _, m := range matrices() {
		data, err := record.EncodeMatrix(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(80))
	}
	f.Fuzz(func(t *testing.T, data []byte, width uint8) {
		m, err := record.DecodeMatrix("FILE", data)
		if err != nil {
			return
		}
		for _, format := range MatrixFormats() {
			var b bytes.Buffer
			if err := WriteMatrix(format, &b, m, Options{Width: int(width), RecordPath: "FILE"}); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if b.Len() == 0 || slices.Contains(b.Bytes(), 0x1b) {
				t.Fatalf("%s: nothing, or an escape sequence: %q", format, b.String())
			}
			for line := range strings.Lines(b.String()) {
				if n := columns(strings.TrimSuffix(line, "\n")); format == "terminal" && width >= 60 && n > int(width) {
					t.Fatalf("%d columns of %d: %s", n, width, line)
				}
			}
		}
	})
}
