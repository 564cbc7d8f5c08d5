package record

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// madeIncident has two of its four trials.
func madeIncident(t *testing.T) *Incident {
	t.Helper()
	trial := func(id string) *Trial {
		return normalised(&Trial{Schema: Schema, ID: id, Status: Complete, Scenario: Scenario{Name: "a", Spec: []byte("{}")}})
	}
	return &Incident{
		Schema: IncidentSchema, ID: "incident-20261121-101500-ab12", Tool: "twomsl 1.0.0", Status: Complete,
		StartedAt: time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC), Seconds: 40, Command: "twomsl incident",
		Table: "squid-18122", Recipe: "squid-eight",
		Found: BeforeAfter{Before: trial("a-1"), After: trial("a-2")}, Outgoing: BeforeAfter{Failure: "no room"},
	}
}

func TestIncidentIsReadAsItWasWritten(t *testing.T) {
	want := madeIncident(t)
	path, err := WriteIncident(t.TempDir(), want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadIncident(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if schema, err := SchemaOf(path, data); err != nil || schema != IncidentSchema {
		t.Errorf("%q, %v", schema, err)
	}
}

func TestIncidentThatContradictsItself(t *testing.T) {
	i := madeIncident(t)
	i.ID, i.Status, i.Seconds, i.Found.After.ID = "a/b", "done", -1, ""
	err := i.Check()
	for _, want := range []string{"id ", "status ", "seconds ", "found.after "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}
