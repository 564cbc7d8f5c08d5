//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"twomsl/internal/record"
)

// cluster is a Kubernetes that a test may use: one that TWOMSL_KUBECONFIG names, or scripts/testcluster.
type cluster struct {
	namespace string // of this test's own
	image     string // where its nodes find this program
	own       string // the tool that made it and can lose its nodes; "" where it is somebody else's
}

// aCluster skips where there is none, and says what would make one.
func aCluster(t *testing.T) *cluster {
	t.Helper()
	if os.Getenv("TWOMSL_TEST_CLUSTER") == "0" {
		t.Skip("no cluster: TWOMSL_TEST_CLUSTER=0")
	}
	c := &cluster{namespace: "twomsl-test-" + strconv.Itoa(os.Getpid()), image: os.Getenv("TWOMSL_IMAGE")}
	if config := os.Getenv("TWOMSL_KUBECONFIG"); config == "" {
		c.bringUp(t)
	} else if t.Setenv("KUBECONFIG", config); c.image == "" {
		t.Fatal("TWOMSL_KUBECONFIG names a cluster: name by TWOMSL_IMAGE where its nodes find the image of this commit (scripts/image DIR NAME --push)")
	}
	c.kubectl(t, "create", "namespace", c.namespace)
	t.Cleanup(func() { c.kubectl(t, "delete", "namespace", c.namespace, "--wait=false") })
	return c
}

// bringUp has two nodes on this machine, with the image of the files as they are here.
func (c *cluster) bringUp(t *testing.T) {
	t.Helper()
	c.own = filepath.Join(top(t), "scripts/testcluster/cluster")
	built := exec.Command(c.own, "built").Run() == nil
	switch asked := os.Getenv("TWOMSL_TEST_CLUSTER") == "1"; {
	case os.Geteuid() != 0 || (!built && !asked):
		t.Skip("no cluster: TWOMSL_KUBECONFIG=FILE names one; as root TWOMSL_TEST_CLUSTER=1 builds one on this machine (7 minutes), " +
			"and one that is built (scripts/testcluster/cluster build) is used")
	case !built:
		c.tool(t, "build")
	}
	t.Cleanup(func() { c.tool(t, "down") })
	c.tool(t, "up", "2")
	dist, bin := t.TempDir(), t.TempDir()
	c.image, _, _ = strings.Cut(lastLine(t, top(t), "scripts/image", dist, "localhost/twomsl:test"), "@")
	c.tool(t, "load", filepath.Join(dist, "twomsl-image-"+runtime.GOARCH+".tar"))
	wrapper := "#!/bin/sh\nexec '" + c.own + "' kubectl \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "kubectl"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

func (c *cluster) tool(t *testing.T, arguments ...string) {
	t.Helper()
	if out, err := exec.Command(c.own, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("cluster %s: %v\n%s", arguments, err, out)
	}
}

func (c *cluster) kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("kubectl", arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", arguments, err, out)
	}
	return string(out)
}

// clusterRun is scripts/kubernetes/run under way.
type clusterRun struct {
	*cluster
	name, into, said string
	ended            chan struct{}
	err              error // when it has ended
}

// The load's every count is known: each of four shards has a quarter of these, in 20 seconds.
const (
	connections = 4000
	perSecond   = 200
)

// start begins a run of four shards; its pods are at work when it returns.
func (c *cluster) start(t *testing.T, name string, lead time.Duration, options ...string) *clusterRun {
	t.Helper()
	dir := t.TempDir()
	r := &clusterRun{cluster: c, name: name, into: filepath.Join(dir, "into"), said: filepath.Join(dir, "said"), ended: make(chan struct{})}
	said, err := os.Create(r.said)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close() //nolint:errcheck // the script has its own
	arguments := append([]string{
		"steady-200", "--run", name, "--namespace", c.namespace, "--image", c.image, "--into", r.into,
		"--lead", strconv.Itoa(int(lead.Seconds())),
	}, options...)
	cmd := exec.Command("scripts/kubernetes/run", append(arguments, "--", "--set", "load.rate="+strconv.Itoa(perSecond)+"/s",
		"--set", "load.stop.connections="+strconv.Itoa(connections), "--set", "load.stop.after=2m")...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = top(t), said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.err = cmd.Wait(); close(r.ended) }()
	t.Cleanup(func() { cmd.Process.Kill() }) //nolint:errcheck // mostly it has ended
	r.until(t, "four pods at work", func() bool { return len(r.pods(t, "Running")) == 4 })
	return r
}

// until waits for what the cluster is to come to by itself.
func (r *clusterRun) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.After(3 * time.Minute); !is(); {
		select {
		case <-r.ended:
			t.Fatalf("it has ended before there were %s: %v\n%s", what, r.err, r.text(t))
		case <-deadline:
			t.Fatalf("there never were %s:\n%s", what, r.text(t))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// text is what the run has said.
func (r *clusterRun) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(r.said)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pod is one of a run's.
type pod struct{ name, index, node string }

// pods lists a run's pods in a phase.
func (r *clusterRun) pods(t *testing.T, phase string) (found []pod) {
	t.Helper()
	out := r.kubectl(t, "-n", r.namespace, "get", "pods", "-l", "batch.kubernetes.io/job-name="+r.name, "-o",
		`jsonpath={range .items[*]}{.status.phase} {.metadata.name} {.metadata.annotations.batch\.kubernetes\.io/job-completion-index} {.spec.nodeName}{"\n"}{end}`)
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == phase {
			found = append(found, pod{f[1], f[2], f[3]})
		}
	}
	return found
}

// midway waits until the load has been going on for a tenth of its time.
func (r *clusterRun) midway(t *testing.T) {
	t.Helper()
	found := regexp.MustCompile(`begin at (\S+);`).FindStringSubmatch(r.text(t))
	if found == nil {
		t.Fatalf("nothing says when it begins:\n%s", r.text(t))
	}
	at, err := time.Parse(time.RFC3339, found[1])
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(at.Add(connections / perSecond * time.Second / 10)))
}

// end waits for the run's own end and reads what it came to.
func (r *clusterRun) end(t *testing.T) *record.Trial {
	t.Helper()
	if <-r.ended; r.err != nil {
		t.Fatalf("%v\n%s", r.err, r.text(t))
	}
	return r.merged(t, "merged.json")
}

func (r *clusterRun) merged(t *testing.T, file string) *record.Trial {
	t.Helper()
	merged, err := record.Read(filepath.Join(r.into, file))
	if err != nil {
		t.Fatalf("%v\n%s", err, r.text(t))
	}
	if merged.Merged == nil || merged.Merged.Of != 4 || merged.Merged.RunID != r.name {
		t.Fatalf("%s is not of four shards: %+v", file, merged.Merged)
	}
	return merged
}

// whole wants all of a run, and every count exactly.
func (r *clusterRun) whole(t *testing.T, merged *record.Trial) {
	t.Helper()
	if m := merged.Merged; len(m.Shards) != 4 || len(m.Missing) != 0 || merged.Status != record.Complete {
		t.Fatalf("%s, %d shards, without %v\n%s", merged.Status, len(m.Shards), m.Missing, r.text(t))
	}
	for _, s := range merged.Merged.Shards {
		if s.Status != record.Complete || s.Connections.Attempted != connections/4 || s.Connections.OK != connections/4 {
			t.Errorf("shard %d: %s, %+v", s.Number, s.Status, s.Connections)
		}
	}
	if n := merged.Connections; n.Attempted != connections || n.OK != connections || n.Failed != 0 || n.NotStarted != 0 {
		t.Errorf("%+v", n)
	}
	client, server := merged.Sides.Client.TimeWait.Peak, merged.Sides.Server.TimeWait.Peak
	if client == nil || *client != connections || server == nil || *server != 0 {
		t.Errorf("TIME_WAIT of the client %v, of the server %v, want %d and 0", deref(client), deref(server), connections)
	}
	if by := merged.Bytes.ByConnection; by == nil || by.Metered != connections || by.Unmatched != 0 || deref(merged.Bytes.Lost) != 0 {
		t.Errorf("bytes: %+v, %+v", merged.Bytes, by)
	}
}

func deref(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}
