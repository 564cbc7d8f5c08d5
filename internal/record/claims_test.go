package record

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallClaims has something in every list.
func smallClaims() *Claims {
	half := 0.5
	return &Claims{
		ID: "claims-x", Status: Complete, Seconds: 3, Jobs: 2, Asked: 2,
		Claims: []Claim{
			{ID: "5", Claim: "it shortens", Verdict: ClaimFalse, Figure: &half, Unit: "s", Evidence: []string{"0.5 s."}, Tests: []string{"t1"}},
			{ID: "28", Verdict: ClaimUntestable, Condition: "no SCTP"},
		},
		Recipe: "a.conf",
		Lines:  []ClaimsLine{{Key: "net.a", Value: "1", Side: "both", Verdict: NotCovered}},
		Tests: []Tried{
			{Name: "t1", Try: Try{Assay: "life", Arguments: []string{"sockets=2"}}, Figures: []Figure{{Name: "mean", Value: 61, Unit: "s"}}},
			{Name: "t2", Try: Try{Scenario: "close-matrix", Set: []string{"a=b"}}, TrialID: "x", Command: "twomsl run close-matrix"},
		},
	}
}

func TestClaimsAreReadBack(t *testing.T) {
	c := smallClaims()
	path, err := WriteClaims(t.TempDir(), c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadClaims(path)
	if err != nil {
		t.Fatal(err)
	}
	want := normalClaims(c)
	want.Schema = ClaimsSchema
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c.Claims[1].Evidence != nil {
		t.Error("what was written is changed")
	}
}

func TestClaimsCheck(t *testing.T) {
	endless := math.Inf(1)
	for want, spoil := range map[string]func(*Claims){
		`schema is "x"`:                 func(c *Claims) { c.Schema = "x" },
		"the id is empty":               func(c *Claims) { c.ID = "" },
		`status is "done"`:              func(c *Claims) { c.Status = "done" },
		"seconds cannot be":             func(c *Claims) { c.Seconds = -1 },
		"jobs is a count":               func(c *Claims) { c.Jobs = -1 },
		`claims[1].id "5"`:              func(c *Claims) { c.Claims[1].ID = "5" },
		`claims[0].verdict is "maybe"`:  func(c *Claims) { c.Claims[0].Verdict = "maybe" },
		"claims[0].figure goes with":    func(c *Claims) { c.Claims[0].Figure = nil },
		"claims[1].figure goes with":    func(c *Claims) { c.Claims[1].Figure = c.Claims[0].Figure },
		"claims[0].figure cannot be":    func(c *Claims) { c.Claims[0].Figure = &endless },
		`claims[0].tests[0] is "t9"`:    func(c *Claims) { c.Claims[0].Tests = []string{"t9"} },
		`lines[0].side is "left"`:       func(c *Claims) { c.Lines[0].Side = "left" },
		`lines[0].verdict is "good"`:    func(c *Claims) { c.Lines[0].Verdict = "good" },
		"lines[0].figure cannot be":     func(c *Claims) { c.Lines[0].Figure = &endless },
		`tests[1].name "t1"`:            func(c *Claims) { c.Tests[1].Name = "t1" },
		"tests[1] is either":            func(c *Claims) { c.Tests[1].Assay = "life" },
		"tests[0].figures[0].value can": func(c *Claims) { c.Tests[0].Figures[0].Value = endless },
	} {
		c := smallClaims()
		if err := c.Check(); err != nil {
			t.Fatalf("before anything is spoilt: %v", err)
		}
		spoil(c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzDecodeClaims(f *testing.F) {
	whole, err := EncodeClaims(smallClaims())
	if err != nil {
		f.Fatal(err)
	}
	fuzzDecode(f, whole, ClaimsSchema, DecodeClaims, EncodeClaims)
}
