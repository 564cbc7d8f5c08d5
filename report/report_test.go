package report

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func TestFormats(t *testing.T) {
	want := []string{"html", "json", "states", "terminal"}
	if diff := cmp.Diff(want, Formats()); diff != "" {
		t.Errorf("formats (-want +got):\n%s", diff)
	}
	var b bytes.Buffer
	err := Write("html5", &b, incident(), Options{})
	if err == nil || !strings.Contains(err.Error(), `"html5": it is one of html, json, states, terminal`) || b.Len() > 0 {
		t.Errorf("got %v and %q", err, b.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriteTellsOfAWriteError(t *testing.T) {
	for _, f := range Formats() {
		if err := Write(f, brokenPipe{}, incident(), Options{}); err == nil || !strings.Contains(err.Error(), "broken pipe") {
			t.Errorf("%s: error is %v", f, err)
		}
	}
}

func TestJSONIsTheRecord(t *testing.T) {
	want := cliffTrial()
	got, err := record.Decode("x", []byte(render(t, "json", want, Options{})))
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != want.ID || got.Connections != want.Connections || len(got.Ports) != len(want.Ports) {
		t.Error("the JSON is not the record")
	}
}

func TestStates(t *testing.T) {
	tr := interrupted()
	for side, want := range map[string]string{
		"":     "ESTABLISHED 3\nTIME_WAIT 3747\n",
		client: "ESTABLISHED 3\nTIME_WAIT 3747\n",
		server: "ESTABLISHED 3\n",
	} {
		if got := render(t, "states", tr, Options{Side: side}); got != want {
			t.Errorf("side %q: got %q, want %q", side, got, want)
		}
	}
	tr.Sides.Client.States.End = record.Counts{
		record.FinWait1: 229, record.FinWait2: 2, record.SynRecv: 348, record.Listen: 1,
	}
	want := "SYN_RECV 348\nFIN_WAIT1 229\nFIN_WAIT2 2\n"
	if got := render(t, "states", tr, Options{}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var b bytes.Buffer
	if err := Write("states", &b, tr, Options{Side: "both"}); err == nil || !strings.Contains(err.Error(), `"both"`) {
		t.Errorf("side both: error is %v", err)
	}
	err := Write("states", &b, sparse(), Options{Side: server})
	if err == nil || !strings.Contains(err.Error(), "not measured: sock_diag is not permitted here") || b.Len() > 0 {
		t.Errorf("unmeasured: error is %v", err)
	}
}

func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*record.Trial)
		want   string
	}{
		"nothing opened": {func(tr *record.Trial) { tr.Connections = record.Connections{} }, "No connection was opened."},
		"goal missed": {
			func(tr *record.Trial) { tr.Scenario.Goal.ReachedSeconds = nil },
			"The goal of 18,122 on the server was not reached; the most was 18,122.",
		},
		"expired": {
			func(tr *record.Trial) { tr.Sides.Server.States.End = record.Counts{} },
			"The server held up to 18,122 TIME_WAIT; none is left.",
		},
		"other ways": {
			func(tr *record.Trial) {
				tr.Connections.OK, tr.Connections.Failed = 19_868, 12
				for i, e := range []string{"EPIPE", "ENOMEM", "ETIMEDOUT", "EPERM", "EMFILE"} {
					fails(tr, "connect", e, int64(i+1))
				}
			},
			"12 of 19,880 connections failed: 5 EMFILE at connect(), 4 EPERM at connect(), 3 ETIMEDOUT at connect() " +
				"and 2 other ways.",
		},
		"server only": {
			func(tr *record.Trial) {
				tr.Outcomes = append(tr.Outcomes, record.Outcome{Side: server, Phase: "read", Cause: "short-read", Count: 5})
			},
			"The client saw nothing fail; the server saw 5 short read at read().",
		},
		"several pairs": {
			func(tr *record.Trial) {
				tr.Ports[1].FirstExhaustionSeconds, tr.Ports[1].OKBeforeFirstExhaustion = ptr(0.5), ptr(int64(2_000))
				fails(tr, "connect", "EADDRNOTAVAIL", 7)
				tr.Connections.Failed = 7
			},
			"The client ran out of ports on 1 of 4 address pairs: 2,000 connections went through before the first " +
				"failure, 17,880 after it; connect() failed 7 times with EADDRNOTAVAIL.",
		},
		"bind() has no port": {
			func(tr *record.Trial) {
				tr.Ports[1].FirstExhaustionSeconds, tr.Ports[1].OKBeforeFirstExhaustion = ptr(0.5), ptr(int64(19_880))
				fails(tr, "bind", "EADDRINUSE", 7)
				tr.Connections.Failed = 7
			},
			"19,880 connections went through in 500 ms, then bind() failed 7 times with EADDRINUSE. The server",
		},
		"reset at the end": {
			func(tr *record.Trial) { fails(tr, "close", "ECONNRESET", 30) },
			"at the end 30 times the client saw ECONNRESET instead of the end of the stream",
		},
		"a reset at the end is no failure": {
			func(tr *record.Trial) { fails(tr, "close", "ECONNRESET", 30) },
			"The client holds none. Nothing failed.",
		},
		"remainder": {
			func(tr *record.Trial) { *tr.Ledger.Server.Standing, *tr.Ledger.Server.Unexplained = 18_120, 2 },
			"19,880 opened = 18,120 in TIME_WAIT + 1,758 replaced by a new connection on the same ports + 2 unexplained",
		},
		"too many": {
			func(tr *record.Trial) { *tr.Ledger.Server.Standing, *tr.Ledger.Server.Unexplained = 18_123, -1 },
			"18,123 in TIME_WAIT + 1,758 replaced by a new connection on the same ports - 1 unexplained",
		},
		"not counted": {
			func(tr *record.Trial) { tr.Ledger.Server.Replaced, tr.Ledger.Server.Expired = nil, nil },
			"19,880 opened = 18,122 in TIME_WAIT + 1,758 not measured further",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := incident()
			tc.change(tr)
			got := strings.Join(strings.Fields(render(t, "terminal", tr, Options{})), " ")
			if !strings.Contains(got, tc.want) {
				t.Errorf("the screen lacks %q:\n%s", tc.want, render(t, "terminal", tr, Options{}))
			}
		})
	}
}

// Nothing that was not measured is told as a zero.
func TestMissingIsNeverZero(t *testing.T) {
	out := render(t, "terminal", sparse(), Options{})
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(line, "  TIME_WAIT ") && strings.Contains(line, " 0") {
			t.Errorf("a count that nobody took is told as %q", line)
		}
	}
	for _, why := range []string{
		"sock_diag is not permitted here", "a host's counters count other programs too", "it needs counters",
		"not measured: one core was busy at 100 %",
	} {
		if !strings.Contains(out, why) {
			t.Errorf("the screen lacks the reason %q", why)
		}
	}
}

// What a record holds cannot steer the terminal of whoever reads it.
func TestHostileText(t *testing.T) {
	tr := failed()
	evil := "\x1b[2J\x9b31m\r\n\u202ered\x00\xff 界\t"
	tr.Scenario.Name, tr.Scenario.Title, tr.Engine, tr.Command = evil, evil, evil, evil
	tr.Failure.Text, tr.Failure.LastWords, tr.Failure.Side = evil, evil+"\n"+evil, evil
	tr.Warnings = []record.Warning{{Code: evil, Text: evil, Advice: evil, Spoils: []string{evil}}}
	tr.Environment.Unmeasured[evil] = evil
	tr.Ports[0].Source, tr.Ports[0].Destination = evil, evil
	out := render(t, "terminal", tr, Options{RecordPath: evil})
	for _, r := range out {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Fatalf("%q came through:\n%q", r, out)
		}
	}
}

// quickFormats are those without charts; the page has tests of its own.
func quickFormats() []string {
	return slices.DeleteFunc(Formats(), func(f string) bool { return f == "html" })
}

func FuzzRender(f *testing.F) {
	for _, tr := range fixtures() {
		for _, side := range sides { // long rows of samples only slow the fuzzer down
			s := sideOf(tr, side)
			s.Samples = s.Samples[:min(3, len(s.Samples))]
		}
		data, err := record.Encode(tr)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(100))
	}
	f.Fuzz(func(t *testing.T, data []byte, width uint8) {
		tr, err := record.Decode("FILE", data)
		if err != nil {
			return
		}
		for _, format := range quickFormats() {
			var b bytes.Buffer
			opt := Options{Width: int(width), RecordPath: "FILE"}
			if err := Write(format, &b, tr, opt); err != nil && format != "states" {
				t.Fatalf("%s: %v", format, err)
			}
			if format != "terminal" {
				continue
			}
			if b.Len() == 0 || slices.Contains(b.Bytes(), 0x1b) {
				t.Fatalf("an empty screen or an escape sequence: %q", b.String())
			}
			for line := range strings.Lines(b.String()) {
				if n := columns(strings.TrimSuffix(line, "\n")); width >= 60 && n > int(width) {
					t.Fatalf("%d columns of %d: %s", n, width, line)
				}
			}
		}
	})
}

// A recipe's line that changed nothing is told, so that nobody looks for what it did.
func TestLinesThatWereAlreadySetAreTold(t *testing.T) {
	tr := &record.Trial{ID: "x"}
	asked := func(key, outcome string) record.SysctlAsked {
		return record.SysctlAsked{Key: key, Asked: "1", Outcome: outcome}
	}
	tr.Sides.Client.Sysctls.Asked = []record.SysctlAsked{
		asked("net.a", record.SysctlAlreadySet), asked("net.b", record.SysctlAlreadySet), asked("net.c", record.SysctlChanged),
	}
	tr.Sides.Server.Sysctls.Asked = []record.SysctlAsked{asked("net.a", record.SysctlAlreadySet)}
	screen := render(t, "terminal", tr, Options{})
	for _, want := range []string{"already set   net.a = 1 on both sides\n", "                net.b = 1 on the client\n"} {
		if !strings.Contains(screen, want) {
			t.Errorf("%q is missing in\n%s", want, screen)
		}
	}
	if strings.Contains(screen, "net.c") {
		t.Errorf("net.c was changed:\n%s", screen)
	}
}
