package facts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

var (
	// citation is a test as docs/FACTS.md names it: internal/facts.TestNetNSReuse.
	citation = regexp.MustCompile("`((?:[a-z]+/)*[a-z]+)\\.(Test\\w+)`")
	testName = regexp.MustCompile(`\bTest[A-Z]\w+`)
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
)

// Every test that docs/FACTS.md names is there, and it names every test of this package that is about the kernel.
func TestFactsNameTheirTests(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "FACTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	cited := map[string]bool{}
	for _, c := range citation.FindAllStringSubmatch(string(page), -1) {
		folder, name := c[1], c[2]
		cited[folder+"."+name] = true
		if !testsIn(t, folder)[name] {
			t.Errorf("docs/FACTS.md names %s.%s, which is not there", folder, name)
		}
	}
	if rest := citation.ReplaceAllString(string(page), ""); testName.MatchString(rest) {
		t.Errorf("docs/FACTS.md names %s without its folder: write `folder.TestName`", testName.FindString(rest))
	}
	for name := range testsIn(t, "internal/facts") {
		if strings.HasPrefix(name, "TestNetNS") && !cited["internal/facts."+name] {
			t.Errorf("docs/FACTS.md does not name internal/facts.%s", name)
		}
	}
}

// testsIn reads the names of the tests in a folder, whichever system they build on.
func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
	}
	return names
}
