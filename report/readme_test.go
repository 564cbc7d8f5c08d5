package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

const (
	screenBegins = "<!-- screen: " // then the record's path below docs/ and " -->"
	screenEnds   = "<!-- end of screen -->"
)

// A screen in a document is what the report makes of a real record that is kept beside it.
func TestScreensInTheDocumentsAreReal(t *testing.T) {
	docs, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, doc := range append(docs, "../README.md") {
		old, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		text, n := withScreens(t, string(old))
		shown += n
		if *update {
			if err := os.WriteFile(doc, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(text, string(old)); diff != "" {
			t.Errorf("%s does not show what its records hold; go test ./report -update:\n%s", doc, diff)
		}
	}
	if shown == 0 {
		t.Error("no document shows a screen")
	}
}

// withScreens puts the rendered record between each pair of marks.
func withScreens(t *testing.T, text string) (string, int) {
	t.Helper()
	var out strings.Builder
	for n := 0; ; n++ {
		before, rest, found := strings.Cut(text, screenBegins)
		out.WriteString(before)
		if !found {
			return out.String(), n
		}
		path, rest, _ := strings.Cut(rest, " -->")
		_, after, ended := strings.Cut(rest, screenEnds)
		if !ended {
			t.Fatalf("the screen of %s has no end", path)
		}
		out.WriteString(screenBegins + path + " -->\n```text\n" + rendered(t, path) + "```\n" + screenEnds)
		text = after
	}
}

func rendered(t *testing.T, path string) string {
	t.Helper()
	path = filepath.Join("../docs", path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := record.SchemaOf(path, data)
	if err != nil {
		t.Fatal(err)
	}
	switch schema {
	case record.MatrixSchema:
		m, err := record.DecodeMatrix(path, data)
		if err != nil {
			t.Fatal(err)
		}
		return renderMatrix(t, "terminal", m, matrixOptions(m, 100))
	case record.ComparisonSchema:
		c, err := record.DecodeComparison(path, data)
		if err != nil {
			t.Fatal(err)
		}
		return renderComparison(t, "terminal", c, comparisonOptions(c, 100))
	}
	if schema == record.IncidentSchema {
		i, err := record.DecodeIncident(path, data)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := WriteIncident("terminal", &b, i, Options{Width: 100, RecordPath: "twomsl-results/" + i.ID + ".json"}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if schema == record.BenchSchema {
		b, err := record.DecodeBench(path, data)
		if err != nil {
			t.Fatal(err)
		}
		return renderBench(t, "terminal", b, benchOptions(b, 100))
	}
	if schema == record.ClaimsSchema {
		c, err := record.DecodeClaims(path, data)
		if err != nil {
			t.Fatal(err)
		}
		return renderClaims(t, "terminal", c, claimsOptions(c, 100))
	}
	trial, err := record.Decode(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return render(t, "terminal", trial, options(trial, 100))
}
