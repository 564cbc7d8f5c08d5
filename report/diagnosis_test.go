package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
	"twomsl/report/diagnose"
)

// diagnosesOf are the diagnoses of the goldens, by their names.
func diagnosesOf() map[string][]*record.Diagnosis {
	of := func(hosts ...record.Host) (out []*record.Diagnosis) {
		for _, h := range hosts {
			d := diagnose.Diagnose(h)
			out = append(out, &d)
		}
		return out
	}
	trial := func(t *record.Trial) record.Host { return diagnose.FromTrial(t, diagnose.Struck(t)) }
	return map[string][]*record.Diagnosis{
		"diagnosis-exhausted": of(trial(exhaustionSmall())),
		"diagnosis-healthy":   of(trial(incident())),
		"diagnosis-live":      of(proxy()),
		"diagnosis-several":   of(trial(exhaustionSmall()), trial(incident())),
		"diagnosis-table":     of(table18122()),
	}
}

// proxy is a live host near the half-range cliff.
func proxy() record.Host {
	return record.Host{
		Schema: record.HostSchema, Name: "proxy01", Kernel: "6.18.5-amd64", Source: record.FromLive, WatchedSeconds: ptr(10.0),
		States: record.Counts{record.TimeWait: 18_122, record.Established: 70, record.Listen: 4},
		Peak:   record.Counts{record.TimeWait: 18_122, record.Established: 80, record.Listen: 4},
		Stayed: record.Counts{record.TimeWait: 15_000, record.Established: 40, record.Listen: 4},
		Flows: []record.Flow{
			{Direction: record.Inbound, Local: "10.1.1.5", Port: 443, States: record.Counts{record.TimeWait: 6_220, record.Established: 68}},
			{
				Direction: record.Outbound, Local: "10.1.1.5", Remote: "10.1.2.9", Port: 3306, RatePerSecond: ptr(198.0),
				States: record.Counts{record.TimeWait: 11_902, record.Established: 2}, PortsInUse: ptr(int64(11_904)),
				Even: ptr(int64(11_904)), Odd: ptr(int64(0)), Range: &record.PortRange{Low: 32768, High: 60999},
			},
		},
		Listeners: []record.Listener{{Address: "0.0.0.0", Port: 443, Backlog: 511, Program: "nginx[812]"}},
		Counters: map[string]int64{
			"TcpExt.ListenOverflows": 0, "TcpExt.TCPReqQFullDoCookies": 0, "TcpExt.TCPReqQFullDrop": 0, "TcpExt.TCPAbortOnTimeout": 0,
			"Tcp.InSegs": 9_000, "Tcp.OutSegs": 9_100, "Tcp.ActiveOpens": 1_980, "Tcp.PassiveOpens": 1_040, "TcpExt.TCPAbortOnClose": 3,
		},
		SinceBoot:         map[string]int64{"TcpExt.ListenOverflows": 132},
		Sysctls:           map[string]string{"net.ipv4.tcp_tw_reuse": "2", "net.ipv4.ip_local_port_range": "32768\t60999"},
		Conntrack:         &record.Conntrack{Entries: 23_600, Limit: 262_144, Dropped: ptr(int64(0))},
		TimeWaitBytesEach: ptr(int64(256)),
		Gaps:              []record.Gap{{What: "descriptors of other users' programs", Why: "/proc/PID/fd is theirs and root's to read"}},
	}
}

// table18122 is a table of states and nothing else.
func table18122() record.Host {
	return record.Host{Schema: record.HostSchema, Source: record.FromPasted, States: record.Counts{
		record.TimeWait: 18_122, record.SynRecv: 348, record.FinWait1: 229, record.Established: 70, record.Closing: 33,
		record.FinWait2: 30, record.LastAck: 14,
	}}
}

func renderDiagnosis(t *testing.T, format string, list []*record.Diagnosis, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteDiagnoses(format, &b, list, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDiagnosisGoldens(t *testing.T) {
	for name, list := range diagnosesOf() {
		for _, w := range []int{80, 100} {
			golden(t, fmt.Sprintf("%s.%d.txt", name, w), renderDiagnosis(t, "terminal", list, Options{Width: w}))
		}
		golden(t, name+".md", renderDiagnosis(t, "markdown", list, Options{}))
		golden(t, filepath.Join("pages", name+".html"), renderDiagnosis(t, "html", list, Options{}))
	}
}

func TestDiagnosisFormats(t *testing.T) {
	if diff := cmp.Diff([]string{"html", "json", "markdown", "terminal"}, DiagnosisFormats()); diff != "" {
		t.Error(diff)
	}
	err := WriteDiagnoses("csv", &bytes.Buffer{}, diagnosesOf()["diagnosis-live"], Options{})
	if err == nil || !strings.Contains(err.Error(), `"csv" for a diagnosis: it is one of html, json, markdown, terminal`) {
		t.Error(err)
	}
}

func TestDiagnosisFits(t *testing.T) {
	for name, list := range diagnosesOf() {
		for _, w := range []int{60, 72, 80, 100, 120} {
			out := renderDiagnosis(t, "terminal", list, Options{Width: w})
			fits(t, name, out, w)
			coloured := renderDiagnosis(t, "terminal", list, Options{Width: w, Color: true})
			if diff := cmp.Diff(out, escape.ReplaceAllString(coloured, "")); diff != "" || coloured == out {
				t.Errorf("%s: colour changes more than colour, or nothing: %s", name, diff)
			}
		}
	}
}

// The answer comes first, then the evidence, what helps, what was ruled out, what cannot be seen.
func TestDiagnosisOrder(t *testing.T) {
	for _, format := range []string{"terminal", "markdown", "html"} {
		out, at := strings.Join(strings.Fields(renderDiagnosis(t, format, diagnosesOf()["diagnosis-live"], Options{})), " "), 0
		for _, want := range []string{
			"proxy01", "Nothing fails yet, and a limit is near", "198/s, plateau up to 12,288", "healthy, likely", "half-range-cliff", "f it grows",
			"net.ipv4.tcp_tw_reuse = 1", "3306: 11,904 of 28,232 ports, 42 %", "(132 since boot; when is not known)", "EADDRNOTAVAIL",
		} {
			i := strings.Index(out[at:], want)
			if i < 0 {
				t.Errorf("%s: %q is not there, or not after what comes before it", format, want)
				continue
			}
			at += i
		}
	}
}

// Whatever a host is called, and whatever its programs are: nothing of it steers the reader's screen or becomes markup.
func TestDiagnosisOfAHostileHost(t *testing.T) {
	const evil = "\x1b[2J<script>alert(1)</script>|`\n## x\u202e"
	h := proxy()
	h.Name, h.Kernel = evil, evil
	h.Flows[1].Local, h.Flows[1].Remote = evil, evil
	h.Gaps = []record.Gap{{What: evil, Why: evil}}
	h.Descriptors = []record.Descriptors{{Program: evil, InUse: 9, Limit: 9}}
	d := diagnose.Diagnose(h)
	for _, format := range DiagnosisFormats() {
		out := renderDiagnosis(t, format, []*record.Diagnosis{&d}, Options{})
		switch format {
		case "html":
			standsAlone(t, format, out)
		case "markdown":
			if strings.Contains(out, "<script") || strings.Contains(out, "\n## ") {
				t.Errorf("%s: %s", format, out)
			}
		}
		steers := func(r rune) bool { return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Cf, r) }
		if i := strings.IndexFunc(out, steers); i >= 0 && format != "json" {
			t.Errorf("%s: %q", format, out[i:])
		}
	}
}

// Scripts find one document for each diagnosis, with every list there.
func TestDiagnosisJSON(t *testing.T) {
	dec := json.NewDecoder(strings.NewReader(renderDiagnosis(t, "json", diagnosesOf()["diagnosis-several"], Options{})))
	for _, want := range []string{record.PortTupleExhausted, record.Healthy} {
		var d struct {
			Schema string
			Causes []struct {
				ID, Confidence, Scenario string
				Evidence                 []string
				Remedy                   []map[string]string
			}
			Moved, Tuples []map[string]any
		}
		if err := dec.Decode(&d); err != nil {
			t.Fatal(err)
		}
		if d.Schema != "twomsl/diagnosis/v1" || d.Causes[0].ID != want || d.Causes[0].Confidence != record.Certain ||
			d.Causes[0].Evidence == nil || d.Causes[0].Remedy == nil || d.Moved == nil || d.Tuples == nil {
			t.Errorf("%+v", d)
		}
	}
	if dec.More() {
		t.Error("a document too many")
	}
	empty, err := record.EncodeDiagnosis(&record.Diagnosis{Causes: []record.DiagnosedCause{{}}})
	if err != nil || strings.Contains(string(empty), `"evidence": null`) || strings.Contains(string(empty), `"tuples": null`) {
		t.Errorf("%v: %s", err, empty)
	}
}

// A trial's report says what its struck host has, unless the trial broke.
func TestTrialTellsItsDiagnosis(t *testing.T) {
	for tr, want := range map[*record.Trial]string{
		exhaustionSmall(): "diagnosis of the client: port-tuple-exhausted, certain: The ports from 10.99.0.1",
		incident():        "diagnosis of the server: healthy, certain: Nothing is wrong: 18,122 TIME_WAIT are 4.6 MB of memory",
		failed():          "",
	} {
		for _, format := range []string{"terminal", "html"} {
			out := strings.Join(strings.Fields(render(t, format, tr, options(tr, 100))), " ")
			out = strings.ReplaceAll(strings.NewReplacer("</dt><dd>", " ", "<p class=\"calm\">", "").Replace(out), "&gt;", ">")
			if want != "" && !strings.Contains(out, want) || want == "" && strings.Contains(out, "diagnosis of") {
				t.Errorf("%s of %s: %q", format, stem(tr), want)
			}
		}
	}
}
