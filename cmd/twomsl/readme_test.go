//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// longRunning commands of the README take too long for a test: a script runs the shortened twin.
var longRunning = map[string]string{
	"twomsl compare port-exhaustion-small --variant ten=client.requests=10 --variant four=client.addresses=4 --before default": "twomsl compare " +
		"port-exhaustion-small --variant ten=client.requests=10 --variant four=client.addresses=4 --before default --for 2s " +
		"--set 'sysctl.client.net.ipv4.ip_local_port_range=40000 40199' -q",
	"twomsl compare four-lines --by-line": "twomsl compare four-lines --by-line " +
		"--set 'sysctl.client.net.ipv4.ip_local_port_range=40000 40099' --set load.rate=60/s --for 3s " +
		"-o html=lines.html -o csv-lines=lines.csv",
	"twomsl compare port-exhaustion-small --after client:four-lines.conf -o html=report.html": "twomsl compare port-exhaustion-small " +
		"--rate 100/s --for 3s --set 'sysctl.client.net.ipv4.ip_local_port_range=40000 40199' " +
		"--after client:four-lines.conf --trials 2 -q -o json=four.json",
	"twomsl compare port-exhaustion-small --before host --after squid-eight.conf": "twomsl compare close-matrix --set load.stop.connections=20 " +
		"--before host --after four-lines --trials 2 -o json=host.json",
	"twomsl run port-exhaustion-small --canaries": "twomsl run port-exhaustion-small --canaries " +
		"--for 1s --set 'sysctl.client.net.ipv4.ip_local_port_range=40000 40099' -o json=canaries.json -o svg=charts",
	"twomsl run explicit-bind --canaries=100ms": "twomsl run explicit-bind --canaries=100ms --for 1s " +
		"--set 'sysctl.client.net.ipv4.ip_local_port_range=40000 40099' -o json=bind.json",
	"twomsl compare port-exhaustion-small --set canaries.every=250ms --after four-lines": "twomsl compare port-exhaustion-small " +
		"--set canaries.every=250ms --for 1s --set 'sysctl.client.net.ipv4.ip_local_port_range=40000 40099' --after four-lines --trials 2 -q",
	"twomsl bench connect-cost": "twomsl bench connect-cost --range 40000-41999 --rounds 1 --samples 8 --at 0,49,50,100 " +
		"-o json=cost.json -o markdown=cost.md -o svg=charts",
	"twomsl bench connect-cost --range 1024-65535 --way plain,own-range --order kernel": "twomsl bench connect-cost " +
		"--range 40000-43999 --way plain,own-range --order kernel --rounds 1 -q -o json=wide.json",
	"twomsl bench connect-cost --at 0,49,50,100 --samples 100 -o json=cost.json": "twomsl bench connect-cost " +
		"--at 0,49,50,100 --samples 10 --rounds 1 --range 40000-40999 -o json=few.json",
	"twomsl run port-exhaustion": "twomsl run port-exhaustion --set client.local_port_range=40000-41999",
	"twomsl run port-exhaustion --set client.local_port_range=off": "twomsl run port-exhaustion " +
		"--set client.local_port_range=off --for 1s",
	"twomsl run port-exhaustion-small --set close.side=server": "twomsl run port-exhaustion-small " +
		"--set close.side=server --for 300ms -q -o terminal",
	"twomsl run incident-18000 --sysctl-from host": "twomsl run incident-18000 " +
		"--set load.stop.time_wait.count=300 --set load.hold=0s --sysctl-from host",
	"twomsl run port-exhaustion-small --sysctl client:net.ipv4.tcp_tw_reuse=1": "twomsl run port-exhaustion-small " +
		"--for 300ms --sysctl client:net.ipv4.tcp_tw_reuse=1",
	"twomsl run port-exhaustion-small --sysctl-file /etc/sysctl.conf --strict": "twomsl run port-exhaustion-small " +
		"--for 300ms --sysctl-file sysctl.conf --strict",
	"twomsl run port-exhaustion-small --topology host --accept-risk=host-ports --accept-risk=host-sysctl " +
		"--sysctl net.ipv4.tcp_tw_reuse=1": "twomsl run port-exhaustion-small --topology host --accept-risk=host-ports " +
		"--accept-risk=host-sysctl --sysctl net.ipv4.tcp_tw_reuse=1 --journal j --for 300ms -o json=host.json",
	"twomsl incident": "twomsl incident --scale 5% --hold 1s --records story -q -o html=incident.html -o json=incident.json " +
		"-o markdown=incident.md",
	"twomsl run steady-200 --serve-with 'nginx -c /etc/twomsl/nginx.conf' --preset http-close": "twomsl run steady-200 " +
		"--set load.stop.connections=100 --serve-with 'busybox httpd -f -p $TWOMSL_PORT -h pages' --preset http-close -q -o json=theirs.json",
	"twomsl run proxy-exhaustion --relay-with @haproxy-tcp --serve-with @nginx --preset http-keepalive": "twomsl run proxy-exhaustion " +
		"--relay-with @haproxy-tcp --serve-with @nginx --preset http-keepalive --set load.stop.failures=50 " +
		"--set sysctl.relay.net.ipv4.ip_local_port_range='42000 42499' -o json=proxied.json -o html=proxied.html",
	"twomsl run steady-200 --serve-with @nginx --preset http-close":     "twomsl run steady-200 --serve-with @nginx --preset http-close --for 1s -o json=close.json",
	"twomsl run steady-200 --serve-with @nginx --preset http-keepalive": "twomsl run steady-200 --serve-with @nginx --preset http-keepalive --for 1s -o json=keep.json",
	"twomsl run steady-200 --target 127.0.0.1:8080 --preset http-keepalive --for 10s --accept-risk=host-ports": "twomsl run steady-200 " +
		"--target 127.0.0.1:18091 --preset http-close --for 1s --accept-risk=host-ports -o json=target.json",
	"twomsl run steady-200 --target 127.0.0.1:6379 --send 'PING\\r\\n' --until 'match=+PONG\\r\\n' --for 10s --accept-risk=host-ports": "twomsl run steady-200 " +
		"--target 127.0.0.1:18091 --send @request --until eof --for 1s --accept-risk=host-ports -o json=raw.json",
	"twomsl run steady-200 --target 192.0.2.10:80 --preset http-close --rate 200/s --for 30s --allow-target 192.0.2.10 --accept-risk=host-ports": "twomsl run steady-200 " +
		"--target 192.0.2.10:80 --preset http-close --rate 200/s --for 30s --accept-risk=host-ports",
	"twomsl diagnose --live":       "twomsl diagnose --live --for 200ms",
	"twomsl snapshot > host.txt":   "twomsl snapshot --for 200ms",
	"twomsl reproduce - --hold 2m": "twomsl reproduce - --ipv6 --hold 1s -q -o json",
	"twomsl reproduce squid-18122": "twomsl reproduce squid-18122 --hold 2s -o json=squid.json -o html=squid.html " +
		"-o markdown=squid.md -o states=squid.txt",
	"twomsl reproduce -":                       "twomsl reproduce - --ipv6 --hold 1s -q -o json",
	"twomsl reproduce pasted.txt --scale 10%":  "twomsl reproduce pasted.txt --scale 10% --hold 1s -q -o json=r.json",
	"twomsl sysctl diff /etc/sysctl.conf":      "twomsl sysctl diff four-lines.conf",
	"twomsl sysctl restore":                    "twomsl sysctl restore --journal none/journal",
	"twomsl run steady-200":                    "twomsl run steady-200 --for 200ms --records kept",
	"twomsl run steady-200 --shard 1/4":        "twomsl run steady-200 --set load.stop.connections=60 --shard 1/4 --records four -q",
	"twomsl run state-mix":                     "twomsl run state-mix --set load.hold=1s -o json=mix.json",
	"twomsl run data-loss":                     "twomsl run data-loss -o json=loss.json",
	"twomsl run data-loss --set close.how=fin": "twomsl run data-loss --set close.how=fin -o json=fin.json",
	"twomsl run accept-backlog":                "twomsl run accept-backlog --for 1s -o json=accept.json",
	"twomsl run syn-queue":                     "twomsl run syn-queue --for 1s -o json=syn.json",
	"twomsl run syn-queue-no-cookies":          "twomsl run syn-queue-no-cookies --for 500ms -o json=nocookies.json",
	"twomsl run descriptors":                   "twomsl run descriptors --for 2s -o json=few.json",
	"twomsl run half-range-cliff":              "twomsl run half-range-cliff --set load.stop.connections=14500 -o json=cliff.json",
	// Filled once, by a test of internal/trial: it takes half a minute.
	"twomsl run conntrack-full": "twomsl run conntrack-full --set client.addresses=1",
	"twomsl run explicit-bind":  "twomsl run explicit-bind --for 4s -o json=bind.json",
	"twomsl run explicit-bind --set client.bind_address_no_port=on": "twomsl run explicit-bind " +
		"--for 6s --set client.bind_address_no_port=on -o json=noport.json",
	"twomsl bench count-cost --sockets 18000,60000": "twomsl bench count-cost --sockets 2000 --rounds 1 -q -o terminal " +
		"-o json=count.json -o benchfmt=count.txt",
	"twomsl gate scripts/ci/churn.yaml --dry-run":                           "twomsl gate good.yaml --dry-run",
	"twomsl gate scripts/ci/churn.yaml -o junit=gate.xml -o html=gate.html": "twomsl gate small.yaml -q --history history.jsonl",
	"twomsl gate plan.yaml --dry-run":                                       "twomsl gate good.yaml --dry-run",
	"twomsl gate plan.yaml --save-baseline churn.json":                      "twomsl gate absolute.yaml -q --save-baseline base.json",
	"twomsl gate plan.yaml --baseline churn.json":                           "twomsl gate plan.yaml -q --baseline base.json -o json=same.json",
	"twomsl gate plan.yaml --against commit=origin/main":                    "twomsl gate plan.yaml --against commit=HEAD -q -o json=../commit.json",
	"twomsl gate plan.yaml --against binary=./server-of-the-last-release":   "twomsl gate other.yaml --against binary=./other -q -o json=other.json",
	"twomsl claims":     "twomsl claims 1 2 10 12 -o html=claims.html -o markdown=claims.md -o json=claims.json",
	"twomsl claims 4 5": "twomsl claims --only 18,24 -j 2 -q -o json",
	"twomsl claims -o html=claims.html -o markdown=claims.md": "twomsl claims 1 2 10 12 -o html=claims.html -o markdown=claims.md " +
		"-o json=claims.json",
	"twomsl bench scale": "twomsl bench scale --time-wait 3000 --time-wait-out 1000 --established 500 --hold 500ms --rounds 1 " +
		"-q -o json=scale.json -o benchfmt=scale.txt",
	"twomsl run close-matrix --rate max --call-costs": "twomsl run close-matrix --rate max --call-costs " +
		"--set load.stop.connections=200 -q -o json=calls.json",
	"twomsl bench churn": "twomsl bench churn --for 200ms --rounds 1 -q",
	"twomsl bench churn --engine paired --close client --how linger=0 --topology loopback --for 3s -o json": "twomsl bench churn " +
		"--engine paired --close client --how linger=0 --topology loopback --for 300ms -o json=one.json",
	"twomsl bench churn --engine split,net --close client --how fin --rounds 10 -o benchfmt=churn.txt": "twomsl bench churn " +
		"--engine split,net --close client --how fin --rounds 2 --for 200ms -q -o benchfmt=churn.txt",
	"twomsl bench churn --close client --how linger=0 --payload 1B,64B,4KiB": "twomsl bench churn --close client --how linger=0 " +
		"--payload 1B,64B,4KiB --rounds 1 --for 200ms -q -o json=payload.json",
	"twomsl bench churn --close client --how linger=0 --variant plain --variant nodelay=client.no_delay=on": "twomsl bench churn --engine split " +
		"--close client --how linger=0 --payload 1B,4KiB:1B --for 200ms --rounds 2 --variant plain --variant nodelay=client.no_delay=on -o json=variants.json",
	"twomsl bench churn --close client --how linger=0 --against ./twomsl-before": "twomsl bench churn --engine split --close client " +
		"--how linger=0 --for 200ms --rounds 2 --against ./other -o json=against.json -o benchfmt=against.txt -q",
	"twomsl bench matrix -o markdown=matrix.md -o json=matrix.json": "twomsl bench matrix " +
		"--close fin --side client -o markdown=matrix.md -o json=matrix.json",
}

// Every twomsl command that the README or a page for users shows in an sh block is run by a script, as it stands or as
// its twin.
func TestReadmeCommandsAreRun(t *testing.T) {
	for _, page := range []string{
		"README.md", "docs/BENCHMARKING.md", "docs/CANARIES.md", "docs/CLAIMS.md", "docs/CLOSING.md", "docs/COMPARING.md", "docs/CI.md", "docs/DIAGNOSING.md", "docs/GATING.md", "docs/LIMITS.md",
		"docs/REPRODUCING.md", "docs/SERVERS.md", "docs/SHARDS.md", "docs/SNAPSHOT.md",
	} {
		t.Run(page, func(t *testing.T) { commandsAreRun(t, page) })
	}
}

func commandsAreRun(t *testing.T, page string) {
	text, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	run := scriptedCommands(t)
	shown := commandsIn(string(text))
	if len(shown) == 0 {
		t.Errorf("%s shows no twomsl command in a block of sh", page)
	}
	for _, c := range shown {
		if slices.Contains(run, c) {
			continue
		}
		twin, long := longRunning[c]
		switch {
		case !long:
			t.Errorf("%s shows %q, and no script in cmd/twomsl/testdata/script runs it: add it to one, "+
				"or to longRunning with a twin", page, c)
		case !slices.Contains(run, twin):
			t.Errorf("%s shows %q, and no script runs its twin %q", page, c, twin)
		}
	}
}

var (
	shBlock    = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")
	scriptLine = regexp.MustCompile(
		`(?m)^!? ?(?:exec|exits \d+) (?:asnobody |playhost |sh -c '(?:exec )?)?(twomsl [^\n]*?)'?$`)
)

// commandsIn gives the commands of the sh blocks, with go run and comments taken away; a line may hold several.
func commandsIn(markdown string) (out []string) {
	for _, block := range shBlock.FindAllStringSubmatch(markdown, -1) {
		text := strings.ReplaceAll(block[1], "\\\n", " ")
		for line := range strings.Lines(text) {
			out = append(out, splitCommands(line)...)
		}
	}
	return out
}

func splitCommands(line string) (out []string) {
	line, _, _ = strings.Cut(line, " #")
	for _, c := range regexp.MustCompile(`&&|;|\|`).Split(line, -1) {
		c = strings.Join(strings.Fields(strings.ReplaceAll(c, "go run ./cmd/twomsl", "twomsl")), " ")
		c = strings.TrimPrefix(c, "sudo ")
		if strings.HasPrefix(c, "twomsl ") {
			out = append(out, c)
		}
	}
	return out
}

func scriptedCommands(t *testing.T) (out []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range scriptLine.FindAllStringSubmatch(string(text), -1) {
			out = append(out, splitCommands(m[1])...)
		}
	}
	return out
}

func TestCommandsInMarkdown(t *testing.T) {
	const text = "```sh\ngo run ./cmd/twomsl run incident-18000   # a comment\n" +
		"twomsl scenarios x > f; sudo twomsl run f \\\n  --for 1s && make\n```\n```text\ntwomsl states\n```\n```sh\nls\n```\n"
	want := []string{"twomsl run incident-18000", "twomsl scenarios x > f", "twomsl run f --for 1s"}
	if got := commandsIn(text); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
