package report

import (
	"strings"
	"testing"

	"twomsl/internal/record"
)

// What is foreseen past half of the range stands beside what came, for each verdict; where nothing was measured beforehand
// there is no word of it.
func TestCliffAhead(t *testing.T) {
	for name, c := range map[string]struct {
		half *record.PastHalf
		want string
	}{
		"none": {nil, ""},
		"full": {
			&record.PastHalf{After: 14_116, AfterSeconds: 0.6, ConnectUS: 2280, PerSecond: 428.4, FullSeconds: 33.55, Fills: "yes", Why: "w", How: "h"},
			"half the range after 600 ms, then about 430/s at 2.3 ms a connect(): full after 33.5 s",
		},
		"never": {
			&record.PastHalf{
				After: 32_256, AfterSeconds: 1.3, ConnectUS: 7428, PerSecond: 134.6, FullSeconds: 241, Fills: "no",
				Why: "the second half would take 240 s, and the first TIME_WAIT expire at 60 s", How: "h",
			},
			"half the range after 1.3 s, then about 130/s at 7.4 ms a connect(): never full, since the second half would take 240 s, " +
				"and the first TIME_WAIT expire at 60 s",
		},
		"nobody knows": {
			&record.PastHalf{AfterSeconds: 1, ConnectUS: 4000, PerSecond: 9.94, FullSeconds: 58, Fills: "maybe", Why: "so"},
			"then about 10/s at 4.0 ms a connect(): full after 58.0 s or never, since so",
		},
		"evil": {&record.PastHalf{Fills: "no", Why: "\x1b[31m\n", How: "\u202e"}, "never full"},
	} {
		tr := cliffTrial()
		if tr.Ports[0].Forecast.PastHalf = c.half; c.half != nil && c.half.Fills == "no" {
			tr.Ports[0].Forecast.ExhaustedAfter, tr.Ports[0].Forecast.ExhaustedSeconds = nil, nil
			tr.Ports[0].FirstExhaustionSeconds, tr.Ports[0].OKBeforeFirstExhaustion = nil, nil
		}
		text := flat(render(t, "terminal", tr, Options{Width: 120, RecordPath: "x.json"}))
		if c.half == nil {
			if strings.Contains(text, "half the range after") {
				t.Errorf("%s: %s", name, text)
			}
			continue
		}
		if !strings.Contains(text, c.want) || c.half.How == "h" && !strings.Contains(text, "(computed from h)") || strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%s: want %q in:\n%s", name, c.want, text)
		}
		if c.half.Fills == "no" && !strings.Contains(text, "exhausted forecast never; measured never") {
			t.Errorf("%s: nothing says that the range was never to be full:\n%s", name, text)
		}
	}
}
