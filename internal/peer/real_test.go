//go:build linux

package peer

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/probe"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
)

// inside starts a program in a side's namespaces, that of processes too: it ends with the lab.
func inside(t *testing.T, pid int, script string) {
	t.Helper()
	said := filepath.Join(t.TempDir(), "said")
	f, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := exec.Command("nsenter", "--target", strconv.Itoa(pid), "--net", "--pid", "unshare", "--mount", "sh", "-c", script)
	c.Stdout, c.Stderr = f, f // not a pipe, which what nsenter started would keep open
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill() //nolint:errcheck // it may have ended
		c.Wait()         //nolint:errcheck // it was killed; what it started ends with the lab
		if text, _ := os.ReadFile(said); t.Failed() {
			t.Logf("%s said: %s", script, text)
		}
	})
}

// listens waits until somebody has a port of a side.
func listens(t *testing.T, pid int, proto, port string) {
	t.Helper()
	var last []byte
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		out, err := exec.Command("nsenter", "--net=/proc/"+strconv.Itoa(pid)+"/ns/net", "ss", "-Hln"+proto, "sport = :"+port).Output()
		if err == nil && len(out) > 0 {
			return
		}
		last = out
	}
	t.Fatalf("nobody listens at %s/%s: %s", proto, port, last)
}

// The callers know the real things: Debian's OpenSSH server and a resolver with a zone of its own, on the other host.
func TestNetNSCanariesCallTheRealThings(t *testing.T) {
	sshd, keygen := nstest.Program(t, "sshd", "openssh-server"), nstest.Program(t, "ssh-keygen", "openssh-client")
	dnsmasq := nstest.Program(t, "dnsmasq", "dnsmasq-base")
	p := newPair(t)
	hello, err := p.server.Hello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	host, dir := p.destination.Addr(), t.TempDir()
	key := filepath.Join(dir, "key")
	if out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	inside(t, hello.PID, fmt.Sprintf("mount -t tmpfs none /run && mkdir /run/sshd && exec %s -D -e -f /dev/null -h %s "+
		"-o ListenAddress=%s -o PidFile=none -o UsePAM=no", sshd, key, host))
	inside(t, hello.PID, fmt.Sprintf("exec %s --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces "+
		"--listen-address=%s --except-interface=lo --user=root --pid-file= --address=/%s/%s", dnsmasq, host, strings.TrimSuffix(probe.Name, "."), host))
	listens(t, hello.PID, "t", "22")
	listens(t, hello.PID, "u", "53")

	real := callBoth(t, p, host)
	for _, c := range real {
		if want := map[string]bool{"ssh": true, "dns": true, "no-such-name": false}[c.Name]; c.Calls == 0 || (c.Answered == c.Calls) != want {
			t.Errorf("%s: %d of %d answered, %+v", c.Name, c.Answered, c.Calls, c.Failures)
		}
	}
	if f := real[2].Failures; len(f) != 1 || f[0].Phase != "answer" {
		t.Errorf("a name that the resolver does not know: %+v", f)
	}
	for _, r := range []*Remote{p.client, p.server} {
		h, err := r.Hello(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		counts, err := sample.CountPID(h.PID, sample.CountOptions{NoListen: true})
		if err != nil || counts[record.TimeWait] != 0 {
			t.Errorf("the calls have left %v on the %s, %v", counts, r.side, err)
		}
	}
}

// callBoth calls SSH, a name and one that is none for a while. There are few calls: newer OpenSSH turns an address away that
// comes often and never logs in (PerSourcePenalties).
func callBoth(t *testing.T, p *pair, host netip.Addr) []record.Canary {
	t.Helper()
	every := scenario.Duration(200 * time.Millisecond)
	caller := probe.Caller{Name: "ssh", From: "outside", Kind: probe.SSH, Source: p.sources[1], Target: netip.AddrPortFrom(host, 22)}
	dns := caller
	dns.Name, dns.Kind, dns.Target, dns.Question = "dns", probe.DNS, netip.AddrPortFrom(host, 53), probe.Name
	unknown := dns
	unknown.Name, unknown.Question = "no-such-name", "no-such-name.invalid."
	plan := probe.Plan{Every: every, Timeout: 100 * every, Callers: []probe.Caller{caller, dns, unknown}}
	if err := p.client.Canaries(t.Context(), Canaries{Plan: plan}); err != nil {
		t.Fatal(err)
	}
	if err := p.client.CallCanaries(t.Context(), Start{Epoch: linux.Nano()}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	r, err := p.client.HushCanaries(t.Context())
	if err != nil || len(r.Canaries) != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	return r.Canaries
}
