//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"twomsl/internal/linux/nstest"
)

// netnsScripts begin with this: they make namespaces.
const netnsScripts = "netns_"

func scripts(t *testing.T, namespaces bool) {
	t.Helper()
	all, err := filepath.Glob("testdata/script/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range all {
		if strings.HasPrefix(filepath.Base(f), netnsScripts) == namespaces {
			files = append(files, f)
		}
	}
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	openToAll(t, root)
	testscript.Run(t, testscript.Params{
		Files: files, WorkdirRoot: root, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			return os.Symlink(docs, filepath.Join(e.WorkDir, "docs"))
		},
		Condition: condition,
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "json": jsonField},
	})
}

// TestScripts types what a user types where no namespaces are needed.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts(t, false)
}

// TestNetNSScripts types what makes labs.
func TestNetNSScripts(t *testing.T) {
	t.Parallel()
	nstest.Require(t) // the scripts themselves run outside; this says whether they can
	scripts(t, true)
}

// exits CODE COMMAND [ARG...] wants a command to end with exactly that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = codeOf(exit.ProcessState)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// jsonField FILE PATH VALUE wants a field of a JSON document: json stdout scenario.name incident-18000. With ! it wants
// another value there. A number in the path counts list items, len:PATH is the length of a list or a map.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: [!] json FILE PATH VALUE")
	}
	var doc any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &doc); err != nil {
		ts.Fatalf("%s is no JSON: %v", args[0], err)
	}
	path, length := strings.CutPrefix(args[1], "len:")
	found, err := walk(doc, path)
	if err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
	got := fmt.Sprint(found)
	if length {
		got = strconv.Itoa(sizeOf(found))
	}
	if (got == args[2]) == neg {
		ts.Fatalf("%s: %s is %s", args[0], args[1], got)
	}
}

// walk follows a path; a setting's name has dots of its own, so the longest key that is there is taken.
func walk(doc any, path string) (any, error) {
	for path != "" {
		switch d := doc.(type) {
		case map[string]any:
			key := path
			for _, ok := d[key]; !ok; _, ok = d[key] {
				cut := strings.LastIndex(key, ".")
				if cut < 0 {
					return nil, fmt.Errorf("there is no %s", path)
				}
				key = key[:cut]
			}
			doc, path = d[key], strings.TrimPrefix(path[len(key):], ".")
		case []any:
			first, rest, _ := strings.Cut(path, ".")
			i, err := strconv.Atoi(first)
			if err != nil || i >= len(d) {
				return nil, fmt.Errorf("there is no item %s of %d", first, len(d))
			}
			doc, path = d[i], rest
		default:
			return nil, fmt.Errorf("%v has no %s", d, path)
		}
	}
	return doc, nil
}

func sizeOf(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return -1
}

// condition root: this is root. userns: an ordinary user may make user namespaces; where namespaces are required that is no
// question.
func condition(name string) (bool, error) {
	if name == "root" {
		return os.Getuid() == 0, nil
	}
	if name != "userns" {
		return false, fmt.Errorf("no such condition: %s", name)
	}
	if os.Getenv("TWOMSL_REQUIRE_NETNS") == "1" {
		return true, nil
	}
	dir, err := os.MkdirTemp("", "e2e-userns-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an empty directory
	c := exec.Command("asnobody", "unshare", "--user", "--map-root-user", "--net", "true")
	c.Dir = dir
	return c.Run() == nil, nil
}
