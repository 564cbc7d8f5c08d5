//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// speaks starts `twomsl server --speak` on the server's host, at its address.
func (p *pairOfHosts) speaks(t *testing.T, protocol string, args ...string) (at string, done func() *record.Trial) {
	t.Helper()
	p.server.Enter(t)
	at = p.there.String() + ":8080"
	records := t.TempDir()
	c := twomsl(t, append([]string{"server", "--speak", protocol, "--listen", at, "--records", records, "-o", "states"}, args...)...)
	var out said
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "it listens", func() bool { return strings.Contains(out.String(), "until Ctrl-C") })
	return at, func() *record.Trial {
		t.Helper()
		c.Process.Signal(syscall.SIGINT) //nolint:errcheck // it runs
		if err := c.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		return onlyRecord(t, records)
	}
}

// here runs a client's program on the client's host.
func (p *pairOfHosts) here(t *testing.T, name string, args ...string) string {
	t.Helper()
	p.client.Enter(t)
	out, err := exec.Command(nstest.Program(t, name, map[string]string{"ab": "apache2-utils", "wrk": "wrk"}[name]), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// timeWait is sockstat's count of a namespace.
func timeWait(t *testing.T, n *nstest.Namespace) int64 {
	t.Helper()
	n.Enter(t)
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/net/sockstat", syscall.Gettid()))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`TCP: .* tw (\d+)`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("sockstat: %s", b)
	}
	v, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return v
}

// ab and wrk find a server that closes as it was told: TIME_WAIT is on the declared side, all of it.
func TestNetNSSpeakHTTP(t *testing.T) {
	for _, c := range []struct {
		name, side string
		client     func(t *testing.T, p *pairOfHosts, at string)
		most       int64 // connections that the client had open and closed itself: as many as it has at once
		requests   int64 // 0: as many as it managed
	}{
		{"ab, and the server closes", "server", func(t *testing.T, p *pairOfHosts, at string) {
			p.here(t, "ab", "-q", "-n", "500", "-c", "4", "http://"+at+"/")
		}, 4, 500},
		{"ab -k, and the client closes", "client", func(t *testing.T, p *pairOfHosts, at string) {
			p.here(t, "ab", "-q", "-k", "-n", "500", "-c", "4", "http://"+at+"/")
		}, 4, 0},
		{"wrk, and the server closes", "server", func(t *testing.T, p *pairOfHosts, at string) {
			p.here(t, "wrk", "-t1", "-c4", "-d1s", "http://"+at+"/")
		}, 9, 0}, // those that are open at the end, one that wrk begins with, and those that it resets
		{"wrk, and the client closes", "client", func(t *testing.T, p *pairOfHosts, at string) {
			p.here(t, "wrk", "-t1", "-c4", "-d1s", "http://"+at+"/")
		}, 9, 0}, // those that are open at the end, one that wrk begins with, and those that it resets
	} {
		t.Run(c.name, func(t *testing.T) {
			runtime.LockOSThread()
			p := twoHosts(t)
			at, done := p.speaks(t, "http", "--close-side", c.side)
			c.client(t, p, at)
			r := done()
			server, client := timeWait(t, p.server), timeWait(t, p.client)
			all := r.Connections.OK
			if r.Status != record.Complete || r.Sides.Client.Absent == "" || all == 0 || r.Sides.Server.States.End[record.TimeWait] != server {
				t.Errorf("%s, client absent %q, %+v, %d TIME_WAIT told of %d", r.Status, r.Sides.Client.Absent, r.Connections,
					r.Sides.Server.States.End[record.TimeWait], server)
			}
			switch c.side {
			case "client":
				if server != 0 || client == 0 || client > c.most {
					t.Errorf("%d TIME_WAIT on the server, %d on the client, of %d connections", server, client, all)
				}
			case "server":
				// What the client closed while no response was under way is its own; so is what it reset. Of those that the server
				// entered, some were taken over by a new connection on the same tuple (RFC 6191).
				entered := r.Sides.Server.Counters["TcpExt.TW"]
				if entered < all-c.most || server > entered || server < entered/2 || client > c.most || c.requests > 0 && entered != c.requests {
					t.Errorf("%d TIME_WAIT entered by the server, %d standing, %d on the client, of %d connections", entered, server, client, all)
				}
			}
		})
	}
}

// Plain ab asks the server to close, and gets it: the record says so.
func TestNetNSSpeakObeysTheClient(t *testing.T) {
	p := twoHosts(t)
	at, done := p.speaks(t, "http", "--close-side", "client")
	p.here(t, "ab", "-q", "-n", "200", "-c", "2", "http://"+at+"/")
	r := done()
	told := false
	for _, w := range r.Warnings {
		told = told || w.Code == "asked-to-close" && strings.HasPrefix(w.Text, "200 connections")
	}
	if !told || r.Sides.Server.States.End[record.TimeWait] != 200 {
		t.Errorf("%d TIME_WAIT on the server; %+v", r.Sides.Server.States.End[record.TimeWait], r.Warnings)
	}
}

// SO_LINGER 0 ends each connection by RST: no TIME_WAIT anywhere.
func TestNetNSSpeakLinger(t *testing.T) {
	p := twoHosts(t)
	at, done := p.speaks(t, "http", "--linger", "0", "--connections", "3")
	p.client.Enter(t)
	for range 3 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") //nolint:errcheck // the answer shows
		io.Copy(io.Discard, c)                                 //nolint:errcheck // a reset ends it
		c.Close()
	}
	r := done()
	if s, c := timeWait(t, p.server), timeWait(t, p.client); s != 0 || c != 0 || r.Sides.Server.Counters["Tcp.OutRsts"] != 3 {
		t.Errorf("%d and %d TIME_WAIT, %d RST", s, c, r.Sides.Server.Counters["Tcp.OutRsts"])
	}
}

func TestNetNSSpeakStreams(t *testing.T) {
	for _, c := range []struct {
		protocol, side, says, answer string
		server, client               int64
	}{
		{"echo", "client", "hello\n", "hello\n", 0, 1},
		{"echo", "server", "hello\n", "hello\n", 1, 0},
		{"discard", "client", "hello\n", "", 0, 1},
		{"discard", "server", "hello\n", "", 1, 0},
	} {
		t.Run(c.protocol+", the "+c.side+" closes", func(t *testing.T) {
			runtime.LockOSThread()
			p := twoHosts(t)
			at, done := p.speaks(t, c.protocol, "--close-side", c.side)
			p.client.Enter(t)
			conn, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, c.says) //nolint:errcheck // the answer shows
			in := bufio.NewReader(conn)
			if c.answer != "" {
				if line, err := in.ReadString('\n'); line != c.answer {
					t.Errorf("answered %q, %v", line, err)
				}
			}
			if c.side == "server" {
				if _, err := in.ReadByte(); err != io.EOF {
					t.Errorf("the server did not close: %v", err)
				}
			}
			conn.Close()
			await(t, "it is over", func() bool { return timeWait(t, p.server)+timeWait(t, p.client) == 1 })
			r := done()
			if s, cl := timeWait(t, p.server), timeWait(t, p.client); s != c.server || cl != c.client || r.Connections.OK != 1 {
				t.Errorf("%d TIME_WAIT on the server and %d on the client; %+v", s, cl, r.Connections)
			}
			if got := r.Bytes.Read; got != int64(len(c.says)) {
				t.Errorf("%d bytes were read", got)
			}
		})
	}
}

// What is no HTTP is refused, counted, and harms nobody.
func TestNetNSSpeakGarbage(t *testing.T) {
	p := twoHosts(t)
	at, done := p.speaks(t, "http")
	p.client.Enter(t)
	for _, says := range []string{"\x16\x03\x01 nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 100<<10) + "\r\n\r\n"} {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, says) //nolint:errcheck // it may be refused half way
		io.Copy(io.Discard, c)  //nolint:errcheck // as above
		c.Close()
	}
	p.here(t, "ab", "-q", "-n", "20", "-c", "1", "http://"+at+"/")
	r := done()
	if r.Connections.Failed != 2 || r.Connections.OK < 20 {
		t.Errorf("%+v %+v", r.Connections, r.Outcomes)
	}
}

// What an earlier run left at the port is said, on a host that has the clients, too.
func TestNetNSSpeakIsNotFresh(t *testing.T) {
	p := twoHosts(t)
	p.server.Enter(t)
	for round, want := range []bool{false, true} {
		records := t.TempDir()
		c := twomsl(t, "server", "--speak", "discard", "--close-side", "client", "--listen", "127.0.0.1:8080", "--connections", "1", "--records", records, "-o", "states")
		var told said
		c.Stderr = &told
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "it listens", func() bool { return strings.Contains(told.String(), "until Ctrl-C") })
		conn, err := net.Dial("tcp", "127.0.0.1:8080")
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if err := c.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, told.String())
		}
		r := onlyRecord(t, records)
		warned := slices.ContainsFunc(r.Warnings, func(w record.Warning) bool { return w.Code == "not-fresh" })
		if warned != want || r.Sides.Client.States.End[record.TimeWait] != int64(round+1) {
			t.Errorf("round %d: warned %v, %d TIME_WAIT of the client", round, warned, r.Sides.Client.States.End[record.TimeWait])
		}
	}
}
