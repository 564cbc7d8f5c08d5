//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// gateOf runs a plan and gives what came of it.
func gateOf(t *testing.T, plan string, args ...string) (*record.Gate, int) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "plan.yaml")
	if err := os.WriteFile(file, []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "gate.json")
	c := exec.Command("twomsl", append([]string{"gate", file, "-q", "--records", filepath.Join(dir, "records"), "-o", "json=" + out}, args...)...)
	text, err := c.CombinedOutput()
	g, readErr := record.ReadGate(out)
	if readErr != nil {
		t.Fatalf("%v\n%s", readErr, text)
	}
	if g.ExitCode != c.ProcessState.ExitCode() {
		t.Errorf("the record says exit code %d, and it was %d (%v)", g.ExitCode, c.ProcessState.ExitCode(), err)
	}
	return g, g.ExitCode
}

// budgetOf finds a budget by its metric.
func budgetOf(t *testing.T, g *record.Gate, metric string) *record.GateBudget {
	t.Helper()
	for i := range g.Budgets {
		if g.Budgets[i].Metric == metric {
			return &g.Budgets[i]
		}
	}
	t.Fatalf("no budget of %s: %s %s", metric, g.Status, g.Why)
	return nil
}

// TestNetNSGateNginx: a server and a client that nobody here wrote, and one line of the server's configuration. What it costs is
// named: TIME_WAIT, and processor time per request.
func TestNetNSGateNginx(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	for _, name := range []string{"nginx", "ab"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed: apt-get install nginx-light apache2-utils", name)
		}
	}
	dir := t.TempDir()
	openToAll(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("well\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command := func(name, requests string) string {
		conf := fmt.Sprintf(`worker_processes 1; pid %[1]s/%[2]s.pid; error_log stderr; user root;
events { worker_connections 1000; }
http { access_log off; server { listen 8080; root %[1]s; keepalive_requests %[3]s; } }
`, dir, name, requests)
		file := filepath.Join(dir, name+".conf")
		if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
			t.Fatal(err)
		}
		return "nginx -p " + dir + " -c " + file + " -g 'daemon off;'"
	}
	g, code := gateOf(t, fmt.Sprintf(`name: nginx
scenarios: [{name: requests, scenario: steady-200, set: [load.stop.after=30s]}]
budgets: ["server.time_wait.peak: rise <= 10", "server.cpu_us_per_request: rise <= 20%%", no failures]
trials: 6
again: 6
command: {server: %q, client: "ab -q -k -n 3000 -c 4 $TWOMSL_URL", requests: 3000}
against: {command: {server: %q}}
`, command("one", "1"), command("keep", "100000")), "--max-duration", "4m")
	if code != exitRegression {
		t.Fatalf("exit code %d: %s, %s", code, g.Status, g.Why)
	}
	for _, metric := range []string{"server.time_wait.peak", "server.cpu_us_per_request"} {
		if b := budgetOf(t, g, metric); b.Verdict != record.Regression {
			t.Errorf("%s: %s, %s", metric, b.Verdict, b.Why)
		}
		if !strings.Contains(g.Why, metric) {
			t.Errorf("%q does not name %s", g.Why, metric)
		}
	}
	if b := budgetOf(t, g, "failed"); b.Verdict != record.Pass {
		t.Errorf("failed: %s, %s", b.Verdict, b.Why)
	}
	if b := budgetOf(t, g, "server.time_wait.peak"); *b.First.ReferenceMedian > 10 || *b.First.TestedMedian < 1000 {
		t.Errorf("%v TIME_WAIT with keep-alive, %v without", *b.First.ReferenceMedian, *b.First.TestedMedian)
	}
}

// TestNetNSGateImage: an image beside itself, and beside one whose program is missing.
func TestNetNSGateImage(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	saved := savedImage(t, fmt.Sprintf("gated-%d", os.Getpid()))
	g, code := gateOf(t, fmt.Sprintf(`name: image
scenarios: [{name: flood, scenario: close-matrix, set: [load.stop.connections=50, close.side=server]}]
budgets: ["server.time_wait.peak: change <= 0", no failures]
image: %q
against: {}
`, saved))
	if code != exitDone || g.Verdict != record.Pass {
		t.Errorf("%d: %s, %s", code, g.Status, g.Why)
	}
	if got := budgetOf(t, g, "server.time_wait.peak").First.TestedMedian; got == nil || *got != 50 {
		t.Errorf("%v TIME_WAIT on the image's side", got)
	}
	g, code = gateOf(t, fmt.Sprintf(`name: image
scenarios: [{name: flood, scenario: close-matrix, set: [load.stop.connections=50, close.side=server]}]
budgets: [no failures]
image: %q
command: /bin/no-such-program
`, saved))
	if code != exitFailed || !strings.Contains(g.Why, "no-such-program") {
		t.Errorf("%d: %s, %s", code, g.Status, g.Why)
	}
	if g, code = gateOf(t, "scenarios: [close-matrix]\nbudgets: [no failures]\nimage: /nowhere/image.tar\n"); code != exitFailed ||
		!strings.Contains(g.Why, "/nowhere/image.tar") {
		t.Errorf("%d: %s, %s", code, g.Status, g.Why)
	}
}

// What a command says before it fails is told with exit code 1, and so is what a build says.
func TestNetNSGateCommandsThatFail(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	const head = "scenarios: [{name: flood, scenario: close-matrix, set: [load.stop.connections=20]}]\nbudgets: [no failures]\n"
	for name, c := range map[string]struct{ plan, want string }{
		"the server dies":      {"command: 'echo no wish to serve; exit 3'", "no wish to serve"},
		"no such server":       {"command: no-such-server", "no-such-server"},
		"no such client":       {"command: {client: no-such-client}", "no-such-client"},
		"the build fails":      {"build: 'echo it does not compile; exit 1'\ncommand: $TWOMSL_BUILD/server", "it does not compile"},
		"another twomsl fails": {"against: {binary: " + script(t, "echo 'no run today' >&2; exit 1") + "}\nbudgets: ['client.time_wait.peak: change <= 0']", "no run today"},
	} {
		plan := head + c.plan + "\n"
		if strings.Contains(c.plan, "client:") {
			plan = strings.Replace(plan, ", set: [load.stop.connections=20]", "", 1)
		}
		if strings.Contains(c.plan, "budgets:") {
			plan = strings.Replace(head, "budgets: [no failures]\n", "", 1) + c.plan + "\n"
		}
		g, code := gateOf(t, plan)
		if code != exitFailed || g.Status != record.Failed || !strings.Contains(g.Why, c.want) {
			t.Errorf("%s: exit code %d, %s: %s", name, code, g.Status, g.Why)
		}
	}
	g, code := gateOf(t, "scenarios: [close-matrix]\nbudgets: [no failures]\ncommand: {client: 'exit 5'}\n")
	if code != exitInconclusive || !strings.Contains(g.Why, "no connection was opened") {
		t.Errorf("a client that opens nothing shows nothing: %d, %s", code, g.Why)
	}
}

// script writes a program.
func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}
