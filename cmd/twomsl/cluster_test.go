//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"twomsl/internal/record"
)

// TestCluster is what scripts/kubernetes promises, on a real cluster. Its parts take turns: they lose pods and nodes.
func TestCluster(t *testing.T) {
	c := aCluster(t)
	t.Run("dry run", c.dryRun)
	t.Run("four shards", c.fourShards)
	t.Run("a pod is killed", c.podKilled)
	if c.own == "" {
		t.Log("left out: nodes are lost on scripts/testcluster only")
		return
	}
	t.Run("a node is lost", c.nodeLost)
	t.Run("an index runs twice", c.indexTwice)
}

const ownScenario = `name: mine
load: {rate: 50, stop: {connections: 100}}
`

// tolerate is a patch by which pods leave a lost node at once.
const tolerate = `apiVersion: batch/v1
kind: Job
metadata: {name: twomsl-clients}
spec:
  template:
    spec:
      tolerations:
        - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
        - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
`

func tempFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dryRun has the API server check every manifest, as it stands and as runs make it.
func (c *cluster) dryRun(t *testing.T) {
	print := func(name string, arguments ...string) string {
		t.Helper()
		cmd := exec.Command(name, arguments...)
		cmd.Dir = top(t)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", arguments, err)
		}
		return string(out)
	}
	run := []string{"--print", "--namespace", c.namespace}
	mine, patch := tempFile(t, "mine.yaml", ownScenario), tempFile(t, "patch.yaml", tolerate)
	base := strings.ReplaceAll(print("kubectl", "kustomize", "scripts/kubernetes/base"), "namespace: twomsl\n", "namespace: "+c.namespace+"\n")
	of := map[string]string{
		"base":     base,
		"run":      print("scripts/kubernetes/run", append(run, "steady-200")...),
		"with all": print("scripts/kubernetes/run", append(run, mine, "--clients", "7", "--run", "b", "--patch", patch, "--", "--set", "payload.request='1B'", "-o", "it's")...),
	}
	for name, manifests := range of {
		if n := strings.Count(manifests, "\nkind: "); n != 5 {
			t.Errorf("%s: %d manifests:\n%s", name, n, manifests)
		}
		if out, err := c.try(t, manifests); err != nil || strings.Count(out, "(server dry run)") != 5 || strings.Contains(out, "Warning: would violate") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	for _, want := range []string{"completions: 7", "name: b\n", "tolerationSeconds: 1", "- it's\n", "scenario: /etc/twomsl-run/scenario.yaml", "name: mine"} {
		if !strings.Contains(of["with all"], want) {
			t.Errorf("nothing says %q:\n%s", want, of["with all"])
		}
	}
	if out, err := c.try(t, strings.Replace(base, "completionMode:", "completionMood:", 1)); err == nil {
		t.Errorf("the dry run takes anything:\n%s", out)
	}
}

// try sends manifests to a server-side dry run.
func (c *cluster) try(t *testing.T, manifests string) (string, error) {
	t.Helper()
	cmd := exec.Command("kubectl", "apply", "--dry-run=server", "--validate=strict", "-f", "-")
	cmd.Stdin = strings.NewReader(manifests)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *cluster) fourShards(t *testing.T) {
	r := c.start(t, "whole", 30*time.Second)
	var nodes []string
	for _, p := range r.pods(t, "Running") {
		nodes = append(nodes, p.node)
	}
	slices.Sort(nodes)
	if c.own != "" && !slices.Equal(nodes, []string{"n1", "n1", "n2", "n2"}) {
		t.Errorf("the pods are on %v", nodes)
	}
	merged := r.end(t)
	r.whole(t, merged)
	if n := len(merged.Merged.LeftOut); n != 0 {
		t.Errorf("%d records are left out", n)
	}
}

// podKilled takes a pod away under its load: it has told what it did until then, or nothing; the others are whole.
func (c *cluster) podKilled(t *testing.T) {
	r := c.start(t, "killed", 30*time.Second)
	r.midway(t)
	c.kubectl(t, "-n", c.namespace, "delete", "pod", "--grace-period=0", "--force",
		"-l", "batch.kubernetes.io/job-name="+r.name+",batch.kubernetes.io/job-completion-index=2")
	merged := r.end(t)
	r.without(t, merged, "3")
	if !strings.Contains(r.text(t), "index 2, pod killed-2-") || !strings.Contains(r.text(t), "is over by this machine's clock") {
		t.Errorf("nothing says that the pod in its place came too late:\n%s", r.text(t))
	}
}

// without wants the shards that are named to be missing, or told as broken off, and the others whole.
func (r *clusterRun) without(t *testing.T, merged *record.Trial, gone ...string) {
	t.Helper()
	sum, broken := int64(0), len(merged.Merged.Missing)
	for _, s := range merged.Merged.Shards {
		sum += s.Connections.OK
		switch is := slices.Contains(gone, string(rune('0'+s.Number))); {
		case is && s.Status == record.Interrupted && s.Connections.Attempted < connections/4:
			broken++
		case is || s.Status != record.Complete || s.Connections.OK != connections/4:
			t.Errorf("shard %d: %s, %+v", s.Number, s.Status, s.Connections)
		}
	}
	for _, n := range merged.Merged.Missing {
		if !slices.Contains(gone, string(rune('0'+n))) {
			t.Errorf("shard %d is missing", n)
		}
	}
	if broken != len(gone) || merged.Connections.OK != sum {
		t.Errorf("%d shards are told as broken off or missing, want %v; %d connections of %d", broken, gone, merged.Connections.OK, sum)
	}
	if !strings.Contains(r.text(t), "shard "+gone[0]) && !strings.Contains(r.text(t), "shards "+gone[0]) &&
		!strings.Contains(r.text(t), "Shard "+gone[0]) && !strings.Contains(r.text(t), "Shards "+gone[0]) {
		t.Errorf("the report names no shard %s:\n%s", gone[0], r.text(t))
	}
}

// clientNode is the node where the server is not, and the numbers of the shards there.
func (r *clusterRun) clientNode(t *testing.T) (node string, there []pod) {
	t.Helper()
	server := strings.TrimSpace(r.kubectl(t, "-n", r.namespace, "get", "pods", "-l", "app.kubernetes.io/component=server",
		"-o", "jsonpath={.items[0].spec.nodeName}"))
	for _, p := range r.pods(t, "Running") {
		if p.node != server {
			node, there = p.node, append(there, p)
		}
	}
	if len(there) != 2 {
		t.Fatalf("%d shards away from the server, which is on %s", len(there), server)
	}
	return node, there
}

// nodeLost takes a machine away under the load: its two shards are gone, and the server tells what it saw of them.
func (c *cluster) nodeLost(t *testing.T) {
	r := c.start(t, "lost", 30*time.Second, "--patience", "5")
	node, there := r.clientNode(t)
	r.midway(t)
	c.tool(t, "lose", strings.TrimPrefix(node, "n"))
	merged := r.end(t)
	c.tool(t, "mend", strings.TrimPrefix(node, "n"))
	r.without(t, merged, shardOf(there[0]), shardOf(there[1]))
	kept, _ := filepath.Glob(filepath.Join(r.into, "server", "*.json"))
	if len(kept) != 2 {
		t.Errorf("of two shards whose machine is gone the server has %v", kept)
	}
}

// shardOf is the shard's of a pod.
func shardOf(p pod) string { return string(rune(p.index[0] + 1)) }

// indexTwice has a node's kubelet die while shards wait for the start: the cluster starts them on the other node, and nothing
// stops the first ones. All six do their whole load and hand in their records.
func (c *cluster) indexTwice(t *testing.T) {
	r := c.start(t, "twice", 90*time.Second, "--patience", "5", "--patch", tempFile(t, "patch.yaml", tolerate))
	node, there := r.clientNode(t)
	c.tool(t, "lose", strings.TrimPrefix(node, "n"), "kubelet")
	r.until(t, "two more pods", func() bool {
		n := 0
		for _, p := range r.pods(t, "Running") {
			if p.node != node {
				n++
			}
		}
		return n == 4
	})
	merged := r.end(t)
	r.whole(t, merged)
	var twice []string
	for _, l := range merged.Merged.LeftOut {
		if l.Status != record.Complete {
			t.Errorf("left out is %+v", l)
		}
		twice = append(twice, strconv.Itoa(l.Number))
	}
	slices.Sort(twice)
	if want := []string{shardOf(there[0]), shardOf(there[1])}; !slices.Equal(twice, want) {
		t.Errorf("left out are records of shards %v, and those on the lost node are %v: %+v", twice, want, merged.Merged.LeftOut)
	}
}
