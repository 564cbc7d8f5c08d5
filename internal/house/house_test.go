package house

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms says which rooms of ours each room may import, and so in which direction the arrows go. A room that is missing
// here fails the test: a new room needs a place in the plan.
var rooms = map[string][]string{
	"internal/record":       {},
	"internal/scenario":     {},
	"internal/recipe":       {},
	"internal/gate":         {"internal/record", "internal/scenario"},
	"internal/incident":     {},
	"internal/payload":      {},
	"internal/linux":        {},
	"internal/linux/nstest": {"internal/linux", "internal/record"},
	"internal/facts":        {},
	"internal/house":        {},
	"internal/tally":        {"internal/linux", "internal/record"},
	"internal/teardown":     {"internal/record", "internal/scenario"},
	"internal/callcost":     {"internal/linux", "internal/record"},
	"internal/exchange":     {"internal/callcost", "internal/linux", "internal/payload", "internal/tally", "internal/teardown"},
	"internal/sample":       {"internal/linux", "internal/record"},
	"internal/counting":     {"internal/linux", "internal/record", "internal/sample"},
	"internal/look":         {"internal/linux", "internal/record", "internal/sample"},
	"internal/observe":      {"internal/linux", "internal/look", "internal/record", "internal/sample"},
	"internal/paste":        {"internal/linux", "internal/look", "internal/record", "internal/sample"},
	"internal/sysctl":       {"internal/record"},
	"internal/machine":      {"internal/linux", "internal/record"},
	"internal/lab":          {"internal/linux", "internal/scenario"},
	"internal/bundle":       {},
	"internal/checkout":     {},
	"internal/connects":     {"internal/linux", "internal/record", "internal/tally"},
	"internal/foreign":      {"internal/bundle", "internal/connects", "internal/linux", "internal/record", "internal/sample"},
	"internal/image":        {"internal/bundle"},
	"internal/command":      {"client", "internal/connects", "internal/foreign", "internal/linux", "internal/record", "internal/scenario"},
	"client": {
		"internal/callcost", "internal/exchange", "internal/linux", "internal/payload", "internal/record", "internal/scenario", "internal/tally", "internal/teardown",
	},
	"server": {
		"internal/callcost", "internal/exchange", "internal/linux", "internal/payload", "internal/record", "internal/scenario", "internal/tally", "internal/teardown",
	},
	// both ends on the same threads
	"internal/paired": {"client", "server", "internal/exchange", "internal/linux", "internal/scenario", "internal/teardown"},
	"relay":           {"internal/exchange", "internal/linux", "internal/record", "internal/scenario", "internal/tally", "internal/teardown"},
	// for tests: a client and a server in one process
	"internal/pairtest": {"client", "server", "internal/linux", "internal/paired", "internal/record", "internal/scenario", "internal/teardown"},
	// for tests: a test binary as the program that a lab starts again
	"internal/labtest": {"internal/foreign", "internal/lab", "internal/peer"},
	"internal/probe":   {"internal/linux", "internal/record", "internal/scenario"},
	"internal/peer": {
		"client", "relay", "server", "internal/command", "internal/connects", "internal/foreign", "internal/lab", "internal/linux", "internal/paired", "internal/probe", "internal/record", "internal/sample", "internal/scenario",
		"internal/sysctl", "internal/teardown",
	},
	"internal/trial": {
		"client", "relay", "server", "internal/callcost", "internal/command", "internal/foreign", "internal/lab", "internal/linux", "internal/machine", "internal/paired", "internal/pairing", "internal/peer", "internal/probe", "internal/record",
		"internal/sample", "internal/scenario", "internal/sysctl", "internal/tally", "internal/teardown",
	},
	"internal/assay": {
		"internal/lab", "internal/linux", "internal/record", "internal/sample", "internal/scenario", "internal/sysctl",
	},
	// a client on one host and a server on another
	"internal/pairing":    {"internal/lab", "internal/linux", "internal/machine", "internal/peer", "internal/record", "internal/sample", "internal/scenario", "internal/sysctl"},
	"internal/experiment": {"internal/peer", "internal/record", "internal/scenario", "internal/teardown", "internal/trial"},
	"report":              {"internal/record", "report/chart", "report/compare", "report/diagnose"},
	"report/diagnose":     {"internal/record"},
	"report/compare":      {"internal/record"},
	"report/chart":        {},
	"report/merge":        {"internal/record", "report/compare"},
	"report/claims":       {"internal/record"},
	// for scripts: a program of its own
	"scripts/lib/image": {},
	"cmd/twomsl": {
		"report", "report/claims", "report/compare", "report/diagnose", "report/merge", "internal/assay", "internal/checkout", "internal/counting", "internal/experiment", "internal/foreign", "internal/gate", "internal/image", "internal/recipe", "internal/incident", "internal/lab", "internal/linux", "internal/machine", "internal/pairing", "internal/peer", "internal/record",
		"internal/look", "internal/observe", "internal/paste",
		"internal/sample", "internal/scenario", "internal/sysctl", "internal/trial",
	},
}

// portable rooms must build where there is no Linux: records are told on any machine.
var portable = []string{
	"internal/record", "internal/scenario", "internal/payload", "internal/teardown", "internal/incident",
	"report", "report/claims", "report/compare", "report/chart", "report/diagnose", "report/merge",
}

type pkg struct {
	ImportPath, Dir, Doc               string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json", "twomsl/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, "twomsl/")
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s has no place in the plan: give it one in this test and in docs/ARCHITECTURE.md", room)
			continue
		}
		for _, i := range p.Imports {
			if other, ours := strings.CutPrefix(i, "twomsl/"); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s: the plan does not allow that", room, other)
			}
		}
	}
}

func TestTheTwoWingsMeetInRecordsOnly(t *testing.T) {
	for room, allowed := range rooms {
		if !strings.HasPrefix(room, "report") {
			continue
		}
		for _, a := range allowed {
			if a != "internal/record" && !strings.HasPrefix(a, "report") {
				t.Errorf("the plan lets %s import %s: reports are made from records alone", room, a)
			}
		}
	}
}

func TestOnlyLinuxImportsThePlatform(t *testing.T) {
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, "twomsl/")
		if room == "internal/linux" || room == "internal/linux/nstest" || room == "internal/facts" {
			continue
		}
		if slices.Contains(p.Imports, "golang.org/x/sys/unix") {
			t.Errorf("%s imports golang.org/x/sys/unix: internal/linux is the room for it", room)
		}
	}
}

func TestEveryRoomSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestPortableRoomsBuildElsewhere(t *testing.T) {
	for _, room := range portable {
		c := exec.Command("go", "vet", "twomsl/"+room)
		c.Env = append(c.Environ(), "GOOS=darwin", "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s does not build on macOS: %v\n%s", room, err, out)
		}
	}
}

// processOnly are the ways to touch the process itself, which only cmd/twomsl may do.
var processOnly = map[string][]string{
	"os":     {"Args", "Exit", "Getenv", "LookupEnv", "Setenv", "Environ", "Stdin", "Stdout"},
	"signal": {"Notify", "NotifyContext", "Ignore"},
}

func TestOnlyTheCommandLineTouchesTheProcess(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		// programs of scripts are processes of their own
		if strings.HasPrefix(rel, "cmd") || strings.HasPrefix(rel, "scripts") || strings.HasPrefix(rel, ".git") || strings.Contains(rel, "nstest") || strings.Contains(rel, "labtest") || strings.Contains(rel, "testdata") ||
			!strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && slices.Contains(processOnly[x.Name], s.Sel.Name) {
					t.Errorf("%s uses %s.%s: only cmd/twomsl touches the process", rel, x.Name, s.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
