//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"twomsl/internal/pairing"
	"twomsl/internal/peer"
	"twomsl/internal/record"
)

// What is wrong is told, with its exit code, and nothing is started.
func TestNetNSTwoHostsRefuse(t *testing.T) {
	p := twoHosts(t)
	w := p.serve(t, "--longest", "30m")
	for name, text := range map[string]string{"wrong": "another-token-that-is-long-enough", "short": "secret", "empty": ""} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.server.Enter(t)
	silent, err := net.Listen("tcp", p.there.String()+":0") // accepts by the kernel, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	chatty, err := net.Listen("tcp", p.there.String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer chatty.Close()
	go func() {
		for {
			c, err := chatty.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "SSH-2.0-OpenSSH_9.9\r\n") //nolint:errcheck // whoever is there
		}
	}()
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"another token", []string{"--token-file", "wrong"}, exitRefused, "another token"},
		{"a token that can be guessed", []string{"--token-file", "short"}, exitUsage, "22 at least"},
		{"an empty token", []string{"--token-file", "empty"}, exitUsage, "it is empty"},
		{"no token file", []string{"--token-file", "nowhere"}, exitUsage, "no such file"},
		{"nobody listens", []string{"--server", p.there.String() + ":9"}, exitFailed, "connection refused"},
		{"somebody who says nothing", []string{"--server", silent.Addr().String()}, exitFailed, "says nothing"},
		{"another protocol", []string{"--server", chatty.Addr().String()}, exitFailed, "no `twomsl server`"},
		{"a relay", []string{"--set", "relay.port=3128"}, exitUsage, "relay"},
		{"a command for the other host", []string{"--server-command", "nginx"}, exitUsage, "server.command"},
		{"sockets that stand", []string{"--set", "stand.close_wait=5"}, exitUsage, "stand"},
		{"another host's settings", []string{"--sysctl", "server:net.ipv4.tcp_fin_timeout=17"}, exitCannot, "--accept-risk=host-sysctl"},
		{"longer than the server's patience", []string{"--for", "45m"}, exitFailed, "ends sessions after 30m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			runtime.LockOSThread()
			cmd := p.run(t, w, append([]string{"steady-200", "--for", "1s"}, c.args...)...)
			out, _ := cmd.CombinedOutput()
			if got := codeOf(cmd.ProcessState); got != c.code || !strings.Contains(string(out), c.says) {
				t.Errorf("code %d, want %d; want %q in\n%s", got, c.code, c.says, out)
			}
		})
	}
	p.server.Enter(t)
	if n := accepted(t); n > 40 { // the control connections and the tests' own
		t.Errorf("%d connections were taken: something was flooded", n)
	}
	if s := w.stderr.String(); strings.Contains(s, ": done, ") {
		t.Errorf("a run went through:\n%s", s)
	}
}

// Whoever has no token gets nothing, however they ask; whoever has it gets nothing that a run does not need.
func TestNetNSControlPort(t *testing.T) {
	p := twoHosts(t)
	w := p.serve(t)
	token := setting(t, filepath.Join(p.dir, "token"))
	p.client.Enter(t)
	ask := func(path, bearer, body string) (int, string) {
		t.Helper()
		raw, err := net.Dial("tcp", w.at)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		req, err := http.NewRequest(http.MethodPost, "https://x"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		h := &http.Client{Transport: &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }, DisableKeepAlives: true}, Timeout: patience}
		resp, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	for _, c := range []struct {
		path, bearer, body string
		code               int
		says               string
	}{
		{"/v1/pair", "", "{}", 401, "token"},
		{"/v1/pair", token + "x", "{}", 401, "token"},
		{"/v1/hello", token, "{}", 409, "no session"},
		{"/v1/network", token, "{}", 404, "nothing that another host may ask for"},
		{"/v1/pair", token, `{"version":1`, 400, "pair"},
		{"/v1/pair", token, `{"version":2,"peer":99,"tool":"twomsl 9"}`, 409, "use the same program on both"},
		{"/v1/pair", token, fmt.Sprintf(`{"version":%d,"peer":%d,"scenario":{"topology":"veth"}}`, pairing.Version, peer.Version), 503, "two hosts"},
		{"/v1/pair", token, `"` + strings.Repeat("x", 2<<20) + `"`, 400, "too large"},
	} {
		if code, says := ask(c.path, c.bearer, c.body); code != c.code || !strings.Contains(says, c.says) {
			t.Errorf("%s %.60s: %d %s; want %d %q", c.path, c.body, code, says, c.code, c.says)
		}
	}
}

// A thousand connections a second that say nothing, or nonsense, cost the run nothing that is counted, and no memory.
func TestNetNSControlPortUnderGarbage(t *testing.T) {
	p := twoHosts(t)
	w := p.serve(t)
	c := p.run(t, w, "steady-200", "--for", "4s", "--set", "load.stop.connections=600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	before := resident(t, w.Process.Pid)
	stop, over, sent := make(chan struct{}), make(chan struct{}), 0
	go func() {
		defer close(over)
		runtime.LockOSThread()
		p.client.Enter(t)
		var open []net.Conn
		defer func() {
			for _, c := range open {
				c.Close()
			}
		}()
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			for range 10 {
				g, err := net.DialTimeout("tcp", w.at, time.Second)
				if err != nil {
					continue
				}
				if sent++; sent%3 > 0 { // a third stays half open
					fmt.Fprintf(g, "GET / HTTP/1.1\r\n%d\x16\x03\x01", sent)
				}
				if open = append(open, g); len(open) > 500 {
					open[0].Close()
					open = open[1:]
				}
			}
		}
	}()
	err := c.Wait()
	close(stop)
	<-over
	grown := resident(t, w.Process.Pid) - before
	if err != nil || sent < 100 {
		t.Errorf("%v, with %d connections of garbage\n%s", err, sent, w.stderr.String())
	}
	if r := onlyRecord(t, filepath.Join(p.dir, "records")); r.Status != record.Complete || r.Connections.Attempted != 600 || r.Connections.OK != 600 ||
		r.Sides.Client.States.End[record.TimeWait] != 600 {
		t.Errorf("%s %+v, %d TIME_WAIT", r.Status, r.Connections, r.Sides.Client.States.End[record.TimeWait])
	}
	if grown > 64<<20 {
		t.Errorf("the server grew by %d MiB over %d connections", grown>>20, sent)
	}
	// A conductor still gets in.
	if out, err := p.run(t, w, "steady-200", "--for", "300ms").CombinedOutput(); err != nil {
		t.Errorf("after it: %v\n%s", err, out)
	}
}

// resident is a process's memory, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n * int64(os.Getpagesize())
}
