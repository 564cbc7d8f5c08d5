package report

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"twomsl/internal/record"
)

func recordedIncident(t *testing.T) *record.Incident {
	t.Helper()
	const path = "../docs/records/incident.json"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i, err := record.DecodeIncident(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func renderIncident(t *testing.T, format string, i *record.Incident, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteIncident(format, &b, i, Options{Width: width}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The same record gives the same bytes, no line is wider than the screen, and a page has no script and fetches nothing.
func TestIncidentIsToldFromItsRecord(t *testing.T) {
	i := recordedIncident(t)
	for _, format := range IncidentFormats() {
		once := renderIncident(t, format, i, 100)
		if again := renderIncident(t, format, recordedIncident(t), 100); once != again {
			t.Errorf("%s differs from one time to the next", format)
		}
	}
	for _, width := range []int{80, 100, 120} {
		for _, line := range strings.Split(renderIncident(t, "terminal", i, width), "\n") {
			if columns(line) > width && !strings.Contains(line, "twomsl ") && !strings.Contains(line, ".json") {
				t.Errorf("%d columns: %q", width, line)
			}
		}
	}
	page := renderIncident(t, "html", i, 100)
	for _, not := range []string{"<script", "http://", "https://"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %s", not)
		}
	}
}

// Each sentence of the answer follows from the figures: turned round, it says the opposite.
func TestIncidentAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*record.Incident)
		want   string
	}{
		"as recorded":             {func(*record.Incident) {}, "They hurt nobody."},
		"nothing got better":      {func(*record.Incident) {}, "nothing got better."},
		"its way out":             {func(*record.Incident) {}, "with the recipe 0 of 4,800: better."},
		"a canary fails as found": {func(i *record.Incident) { i.Found.Before.Canaries[0].Answered-- }, "1 got no answer."},
		"the recipe breaks something": {func(i *record.Incident) {
			i.Found.After.Canaries[0].Answered -= 5
		}, "5 got no answer. That is worse."},
		"the recipe mends something": {func(i *record.Incident) {
			i.Found.Before.Canaries[0].Answered -= 5
		}, "That is better."},
		"no cure":               {func(i *record.Incident) { i.Outgoing.After.Connections.Failed = 2000 }, "no better."},
		"half a cure":           {func(i *record.Incident) { i.Outgoing.After.Connections.Failed = 10 }, "better, not cured."},
		"nothing failed":        {func(i *record.Incident) { i.Outgoing.Before.Connections.Failed = 0 }, "none failed, with the recipe or without."},
		"no room for TIME_WAIT": {func(*record.Incident) {}, "13,122 connections were closed without one"},
		"not all was played": {func(i *record.Incident) {
			i.Status, i.Outgoing.After, i.Outgoing.Failure = record.Failed, nil, "no namespaces"
		}, "Not all of the story was played; no namespaces."},
	} {
		i := recordedIncident(t)
		c.change(i)
		got := strings.Join(strings.Fields(renderIncident(t, "terminal", i, 400)), " ")
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q is not in %s", name, c.want, got)
		}
	}
}

// What is missing is left out, and nothing panics: any act may have failed.
func TestIncidentWithHoles(t *testing.T) {
	for hole := range 16 {
		i := recordedIncident(t)
		for n, trial := range []**record.Trial{&i.Found.Before, &i.Found.After, &i.Outgoing.Before, &i.Outgoing.After} {
			if hole&(1<<n) != 0 {
				*trial = nil
			}
		}
		if i.Outgoing.Before != nil {
			i.Outgoing.Before.Relay = nil
		}
		if i.Found.Before != nil {
			i.Found.Before.Stand, i.Found.Before.Canaries = nil, nil
		}
		for _, format := range IncidentFormats() {
			renderIncident(t, format, i, 80)
		}
	}
}
