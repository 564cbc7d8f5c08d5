//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// The examples of docs/CI.md are run as a pipeline runs them: the lines that stand in the files, by the shell and with the
// variables that it gives them.

// smallPlan takes seconds: what the examples' own plan comes to is the Makefile's to show.
const smallPlan = `scenarios:
  - {name: flood, scenario: close-matrix, set: [load.rate=max, load.stop.connections=100]}
budgets: [no ECONNREFUSED, "client.time_wait.peak: rise <= 0"]
against: {}
`

// top is the top of the repository.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(top(t), file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// piped runs a script of a pipeline at the top of the repository.
func piped(t *testing.T, shell []string, script string, env ...string) string {
	t.Helper()
	c := exec.Command(shell[0], append(shell[1:], script)...)
	c.Dir = top(t)
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	return string(out)
}

// passed looks at what a pipeline keeps.
func passed(t *testing.T, reports string) {
	t.Helper()
	g, err := record.ReadGate(filepath.Join(reports, "gate.json"))
	if err != nil || g.Verdict != record.Pass || g.ExitCode != 0 {
		t.Fatalf("%+v, %v", g, err)
	}
	for _, name := range []string{"gate.xml", "gate.html"} {
		if info, err := os.Stat(filepath.Join(reports, name)); err != nil || info.Size() < 500 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func planFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(name, []byte(smallPlan), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestNetNSGitHubAction runs the composite action's own steps as GitHub's runner does: bash -e -o pipefail, with the inputs that a
// workflow gives or their defaults in the place of ${{ }}.
func TestNetNSGitHubAction(t *testing.T) {
	nstest.Require(t)
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Using string
			Steps []struct {
				Shell, Run, Uses string
				Env, With        map[string]string
			}
		}
	}
	readYAML(t, "scripts/ci/github/action.yml", &action)
	reports := filepath.Join(t.TempDir(), "reports")
	given := map[string]string{"plan": planFile(t), "reports": reports, "against": "set=close.side=client\n", "arguments": "-q --max-duration 2m"}
	resolve := func(text string) string {
		return regexp.MustCompile(`\$\{\{ *([a-z_]+)\.([a-z_]+) *\}\}`).ReplaceAllStringFunc(text, func(ref string) string {
			m := regexp.MustCompile(`([a-z_]+)\.([a-z_]+)`).FindStringSubmatch(ref)
			switch {
			case m[1] == "github" && m[2] == "action_path":
				return filepath.Join(top(t), "scripts/ci/github")
			case m[1] == "inputs":
				if v, ok := given[m[2]]; ok {
					return v
				}
				return action.Inputs[m[2]].Default
			}
			t.Fatalf("%s is nothing that this test knows", ref)
			return ""
		})
	}
	summary := filepath.Join(t.TempDir(), "summary.md")
	runner := []string{"RUNNER_TEMP=" + t.TempDir(), "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=" + summary, "GITHUB_SHA=0123456789abcdef"}
	ran, said := 0, ""
	for _, s := range action.Runs.Steps {
		if s.Uses != "" {
			if got := resolve(s.With["path"]); got != reports {
				t.Errorf("the action keeps %s, and its reports are in %s", got, reports)
			}
			continue
		}
		env := runner
		for k, v := range s.Env {
			env = append(env, k+"="+resolve(v))
		}
		said += piped(t, []string{s.Shell, "-e", "-o", "pipefail", "-c"}, s.Run, env...)
		ran++
	}
	if action.Runs.Using != "composite" || ran != 3 {
		t.Errorf("%s, %d steps", action.Runs.Using, ran)
	}
	passed(t, reports)
	if text, err := os.ReadFile(summary); err != nil || !strings.Contains(string(text), "pass") {
		t.Errorf("the summary: %v\n%s", err, text)
	}
	if !strings.Contains(said, "::notice ") {
		t.Errorf("no annotation:\n%s", said)
	}
}

// TestNetNSGitLabJob runs the job's script as GitLab's runner does.
func TestNetNSGitLabJob(t *testing.T) {
	nstest.Require(t)
	var jobs map[string]struct {
		Variables map[string]string
		Script    []string
		Artifacts struct {
			Paths   []string
			Reports map[string]string
		}
	}
	readYAML(t, "scripts/ci/gitlab/gitlab-ci.yml", &jobs)
	job := jobs["churn"]
	reports := filepath.Join(t.TempDir(), "reports")
	env := []string{"GITLAB_CI=true", "CI_COMMIT_SHA=0123456789abcdef"}
	for k, v := range job.Variables {
		env = append(env, k+"="+v)
	}
	for _, file := range append(job.Artifacts.Paths, job.Artifacts.Reports["junit"]) {
		if filepath.Dir(file) != job.Variables["REPORTS"] {
			t.Errorf("%s is kept, and reports go to %s", file, job.Variables["REPORTS"])
		}
	}
	piped(t, []string{"bash", "-e", "-o", "pipefail", "-c"}, strings.Join(job.Script, "\n"),
		append(env, "PLAN="+planFile(t), "REPORTS="+reports)...)
	passed(t, reports)
	g, err := record.ReadGate(filepath.Join(reports, "gate.json"))
	if err != nil || g.Revision != "0123456789abcdef" {
		t.Errorf("%q is not the pipeline's commit, %v", g.Revision, err)
	}
}

// TestNetNSMakefile runs the plan of the examples as it stands. What it says of times on this machine is no matter here: it may
// be too busy to tell.
func TestNetNSMakefile(t *testing.T) {
	nstest.Require(t)
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed: apt-get install make")
	}
	reports := filepath.Join(t.TempDir(), "reports")
	c := exec.Command("make", "-f", "scripts/ci/Makefile", "churn", "REPORTS="+reports)
	c.Dir = top(t)
	out, err := c.CombinedOutput()
	kept, _ := filepath.Glob(filepath.Join(reports, "records", "gate-*.json"))
	if len(kept) != 1 {
		t.Fatalf("%v, %v\n%s", kept, err, out)
	}
	g, readErr := record.ReadGate(kept[0])
	if readErr != nil || g.Status != record.Complete || (err == nil) != (g.ExitCode == 0) {
		t.Fatalf("%v, %v\n%s", readErr, err, out)
	}
	for _, b := range g.Budgets {
		if b.Exact && b.Verdict != record.Pass {
			t.Errorf("%s: %s: %s", b.Scenario, b.Text, b.Why)
		}
	}
}
