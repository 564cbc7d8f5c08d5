package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/record"
)

// The page as it is, but for its pictures, which have tests of their own.
func TestTrialPageGolden(t *testing.T) {
	page := render(t, "html", exhaustedTrial(t), Options{RecordPath: "/elsewhere/x.json"})
	golden(t, filepath.Join("pages", "trial-port-exhaustion-small.html"), dataURI.ReplaceAllString(page, "data:PICTURE"))
}

// The page is the same wherever the record lies and whatever the order of maps, and holds all that it shows.
func TestTrialPages(t *testing.T) {
	for _, tr := range []*record.Trial{exhaustedTrial(t), hostileTrial(t), stateMix()} {
		page := render(t, "html", tr, Options{})
		standsAlone(t, tr.ID, page)
		if render(t, "html", tr, Options{Width: 80, Color: true, RecordPath: "/elsewhere/" + tr.ID + ".json"}) != page {
			t.Errorf("%s: other bytes the second time", tr.ID)
		}
	}
}

// textOf is what a reader reads of a page.
func textOf(t *testing.T, tr *record.Trial) string {
	t.Helper()
	var b bytes.Buffer
	if err := trialPage(tr, beside(tr.ID, Options{}), nil).write(&b); err != nil {
		t.Fatal(err)
	}
	standsAlone(t, tr.ID, b.String())
	text := regexp.MustCompile(`(?s)<style>.*</style>|<[^>]*>`).ReplaceAllString(b.String(), " ")
	return strings.Join(strings.Fields(html.UnescapeString(text)), " ")
}

// What the terminal's screen says stands on the page, word for word; only the charts are drawn otherwise, and the machine
// has more room.
func TestTrialPageSaysWhatTheScreenSays(t *testing.T) {
	elsewhere := regexp.MustCompile(`^  (machine|record|tell again|repeat|evidence) |[▁▂▃▄▅▆▇█]`)
	said := 0
	for _, tr := range fixtures() {
		page := strings.ToLower(textOf(t, tr)) // a heading begins with a capital
		drawn := false
		for _, line := range strings.Split(render(t, "terminal", tr, Options{Width: 9999}), "\n")[1:] {
			axis := drawn && strings.HasPrefix(line, "                0 s")
			if drawn = elsewhere.MatchString(line); drawn || axis {
				continue
			}
			for _, text := range regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(line), -1) {
				text = strings.ToLower(regexp.MustCompile(`^[!i|] `).ReplaceAllString(text, ""))
				what, why, _ := strings.Cut(text, ": ") // the page has them in two columns
				if !strings.Contains(page, text) && (why == "" || !strings.Contains(page, what+" "+why)) {
					t.Errorf("%s: the page lacks %q", stem(tr), text)
				}
				said++
			}
		}
	}
	if said < 500 {
		t.Errorf("only %d things were looked for", said)
	}
}

// The page answers first, and has what the screen has no room for.
func TestTrialPageAnswersFirst(t *testing.T) {
	page, at := textOf(t, exhaustedTrial(t)), 0
	for _, want := range []string{
		"port-exhaustion-small 200/s for 10 s on 1,000 ports",
		"The client ran out of ports: 1,000 connections went through in 5.0 s, then connect() failed 1,000 times with EADDRNOTAVAIL.",
		"The client holds 1,000 TIME_WAIT. The server holds none.", "Read with care: 1 warning below.",
		"Sockets by state", "TIME_WAIT 1,000 1,000 0 0 256 bytes each, 256 kB; lives 60.0 s",
		"Connections and TIME_WAIT", "2,000 opened = 1,000 ok + 1,000 failed", "1,000 entered by the client",
		"Ports", "half, from where on connect()", "full at 16.1/s (passed)",
		"Warnings", "Not to be relied on: connect.p99_us.", "Use more workers.",
		"Counters", "TIME_WAIT entered", "All others that moved", "Tcp.ActiveOpens 1,000", "Tcp.PassiveOpens",
		"Settings", "Asked for", "net.ipv4.tcp_tw_reuse lets connect() take a port", "already set",
		"net.ipv4.tcp_tw_recycle client 1 - - - missing not in this kernel; gone since Linux 4.12",
		"settings net.ipv4.ip_local_port_range = 32768 33767 on the client (default 32768 60999)",
		"In force", "net.ipv4.ip_local_port_range 32768 33767 32768 60999", "net.ipv4.tcp_max_tw_buckets 1200 1200",
		"The whole scenario", `"rate": 200`, "Bytes and processor", "none lost", "Not measured", "load average not readable here",
		"Environment", "AMD EPYC 7763", "2 workers on the client", "Repeat it", "twomsl run port-exhaustion-small",
		"twomsl report port-exhaustion-small-20261121-101500-ab12.json -o html=report.html",
	} {
		i := strings.Index(page[at:], want)
		if i < 0 {
			t.Errorf("%q is not there, or not after what comes before it", want)
			continue
		}
		at += i
	}
	if strings.Contains(page, "told in the table") {
		t.Error("what was asked for and refused is told twice")
	}
	if page := textOf(t, incident()); !strings.Contains(page, "10.99.0.2 -> 10.99.0.254:8080") || !strings.Contains(page, "4,970") {
		t.Error("the address pairs are not listed one by one")
	}
}

func figuresNamed(list []pictured) (out []string) {
	for _, f := range list {
		out = append(out, f.name)
	}
	return out
}

// What is worth a chart is drawn, and marked with what the eye needs.
func TestTrialFigures(t *testing.T) {
	limited := exhaustedTrial(t)
	limited.Scenario.Goal = &record.Goal{Side: client, TimeWait: 1_100}
	states := stateMix()
	states.Sides.Client.Samples = []record.Sample{{States: record.Counts{record.TimeWait: 5}}}
	for _, tc := range []struct {
		tr           *record.Trial
		names, marks string
	}{
		{limited, "[time-wait ports latency connections states]", "goal 1,100, tcp_max_tw_buckets 1,200, no port left at 5.0 s"},
		{incident(), "[time-wait connections]", "goal 18,122, goal reached at 1.4 s"},
		{steady(), "[time-wait ports connections]", "levelled off at 12,208"},
		{states, "[states]", ""},
		{&record.Trial{}, "[]", ""},
	} {
		list := trialFigures(tc.tr)
		if got := fmt.Sprint(figuresNamed(list)); got != tc.names {
			t.Errorf("%s: charts %s, want %s", tc.tr.ID, got, tc.names)
		}
		if tc.marks == "" {
			continue
		}
		var marks []string
		p := list[0].chart.Panels[0]
		for _, l := range p.Levels {
			marks = append(marks, l.Label)
			if l.At > p.Y.Most {
				t.Errorf("%s: %s is out of sight", tc.tr.ID, l.Label)
			}
		}
		for _, m := range p.Moments {
			marks = append(marks, m.Label)
		}
		if got := strings.ReplaceAll(strings.Join(marks, ", "), nbsp, " "); got != tc.marks {
			t.Errorf("%s: marked are %s, want %s", tc.tr.ID, got, tc.marks)
		}
	}
	for _, f := range trialFigures(limited) {
		if words := strings.Join(f.words, " "); strings.Contains(words, ": :") || strings.HasPrefix(words, ":") {
			t.Errorf("a name is missing: %s", words)
		}
	}
}

// A side's limit that is far beyond what was seen is not drawn: it would leave nothing to see of the rest.
func TestFarLimitsAreNotDrawn(t *testing.T) {
	tr := steady()
	tr.Sides.Client.Sysctls.Effective = map[string]string{"net.ipv4.tcp_max_tw_buckets": "131072"}
	for _, l := range trialFigures(tr)[0].chart.Panels[0].Levels {
		if strings.Contains(l.Label, "131,072") {
			t.Errorf("%s is drawn over a peak of 12,260", l.Label)
		}
	}
}

func TestTrialPictures(t *testing.T) {
	for _, kind := range PictureKinds() {
		list, err := TrialPictures(exhaustedTrial(t), kind)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range list {
			names = append(names, p.Name)
			if kind == "svg" {
				plainSVG(t, p.Name, p.Data)
			}
		}
		for _, name := range []string{"time-wait", "ports-dark", "latency", "connections", "states-dark"} {
			if !slices.Contains(names, name+"."+kind) {
				t.Errorf("no %s.%s among %q", name, kind, names)
			}
		}
	}
	if list, err := TrialPictures(&record.Trial{}, "svg"); err != nil || len(list) != 0 {
		t.Errorf("%d pictures of nothing, %v", len(list), err)
	}
}

// FuzzTrialPage makes pages of any record that can be read, and says what their charts would show.
func FuzzTrialPage(f *testing.F) {
	for _, tr := range fixtures() {
		for _, side := range sides {
			s := sideOf(tr, side)
			s.Samples = s.Samples[:min(3, len(s.Samples))]
		}
		data, err := json.Marshal(tr)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := record.Decode("FILE", data)
		if err != nil || len(data) > 1<<16 {
			return
		}
		var figures []pageFigure
		for _, f := range trialFigures(tr) {
			figures = append(figures, pageFigure{ID: f.name, Title: f.title, Alt: strings.Join(f.words, " ")})
		}
		var b bytes.Buffer
		if err := trialPage(tr, beside(tr.ID, Options{}), figures).write(&b); err != nil {
			t.Fatal(err)
		}
		if page := b.String(); strings.Contains(page, "<script") || !strings.HasSuffix(page, "</html>\n") {
			t.Fatalf("markup came through, or the page is cut: %.300s", page)
		}
	})
}
