package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"twomsl/internal/pairing"
	"twomsl/internal/record"
	"twomsl/internal/sysctl"
	"twomsl/internal/trial"
)

// serverFlags are what `twomsl server` can be told.
type serverFlags struct {
	listen    string
	tokenFile string
	advertise string
	ports     string
	sessions  int
	longest   time.Duration
	accept    []string
	journal   string
	records   string
	speak     speakFlags
	collect   bool
}

func newServer() *cobra.Command {
	f := &serverFlags{}
	c := &cobra.Command{
		Use: "server", GroupID: moreGroup, Args: cobra.NoArgs,
		Short: "Wait on this host for a client on another one: twomsl run SCENARIO --server HOST:PORT",
		Long: `Waits for clients that run a scenario against this host: "twomsl run SCENARIO --server HOST:PORT" on
another host, which tells this one all that a server needs to know. Its samples, counters and settings
go home into the client's one record.

The control port speaks HTTP with JSON over TLS 1.3 and does nothing for anybody without the token. It
is on the loopback address unless --listen says otherwise. Nothing that a client says is executed, and
this host's settings are changed for a run only with --accept-risk=host-sysctl: a journal keeps them,
and they are put back with the run's end.

With --speak it serves ab, wrk, curl or a browser instead, closes as it is told, and makes a record like
a run's.`,
		Example: `  twomsl server --speak http --close-side server     # then: ab -n 1000 -c 4 http://127.0.0.1:8080/
  twomsl server --listen 0.0.0.0:7000 --token-file token     # here; makes the token where there is none
  twomsl run steady-200 --server HOST:7000 --token-file token --accept-risk=host-ports     # on the other host`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.speak.speak == "" {
				return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			if !cmd.Flags().Changed("listen") {
				f.listen = speakPort
			}
			return f.speak.run(f.listen, f.records, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.listen, "listen", fmt.Sprintf("127.0.0.1:%d", pairing.DefaultPort), "wait for clients at `ADDRESS[:PORT]`")
	fs.StringVar(&f.tokenFile, "token-file", "", "the secret that clients must show is in `FILE`, and is made where that is missing; without it one is made and printed")
	fs.StringVar(&f.advertise, "advertise", "", "tell clients to open the load's connections to `ADDRESS` (default: where they dialled)")
	fs.StringVar(&f.ports, "ports", "", "take ports for the load from `LOW-HIGH` (default: the scenario's own, or one of the next)")
	fs.IntVar(&f.sessions, "sessions", 1, "take `N` clients at once")
	fs.DurationVar(&f.longest, "longest", time.Hour, "end a session after `DURATION`, whatever its client says")
	fs.StringArrayVar(&f.accept, "accept-risk", nil, "accept a risk by its name: `host-sysctl`, that clients change this host's settings for a run")
	journalFlag(fs, &f.journal)
	fs.StringVar(&f.records, "records", "twomsl-results", "keep a record of a run whose client has gone in `DIR`")
	f.speak.flags(fs)
	fs.BoolVar(&f.collect, "collect", false, "keep there, too, the records that clients hand in (run --hand-in), by run")
	return c
}

const (
	mostControlled  = 1024
	longestSessions = 24 * time.Hour
)

func (f *serverFlags) run(stdout, stderr io.Writer) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	token, made, err := f.token()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", controlAt(f.listen))
	if err != nil {
		return failed(fmt.Errorf("the control port: %w; --listen chooses another", err))
	}
	if err := keepIn(f.records); err != nil {
		l.Close() //nolint:errcheck // nothing came yet
		return err
	}
	soft, _, release := interrupts(stderr)
	defer release()
	var said sync.Mutex
	opt.Token = token
	opt.Say = func(text string) {
		said.Lock()
		defer said.Unlock()
		fmt.Fprintln(stderr, "twomsl:", text)
	}
	opt.Ended = func(e pairing.Ended) { f.keep(e, opt.Say) }
	if f.collect {
		opt.Collect = func(data []byte) error { return f.take(data, opt.Say) }
	}
	if made && f.tokenFile == "" {
		fmt.Fprintf(stdout, "token: %s\n", string(token))
	} else if made {
		opt.Say("made a token, in " + f.tokenFile)
	}
	fmt.Fprintf(stdout, "listening: %s\n", l.Addr())
	if err := pairing.NewHost(opt).Serve(soft, l); err != nil {
		return failed(err)
	}
	return nil
}

// controlAt is where --listen has the control port: at its own port where that names an address alone.
func controlAt(listen string) string {
	if a, err := netip.ParseAddr(strings.Trim(listen, "[]")); err == nil {
		return netip.AddrPortFrom(a, pairing.DefaultPort).String()
	}
	return listen
}

// options holds the flags to what can be.
func (f *serverFlags) options() (opt pairing.Options, err error) {
	opt = pairing.Options{Tool: "twomsl " + version(), Program: program(), Sessions: f.sessions, Longest: f.longest}
	var wrong []error
	if f.sessions < 1 || f.sessions > mostControlled {
		wrong = append(wrong, fmt.Errorf("--sessions %d is not possible; allowed: 1 to %d", f.sessions, mostControlled))
	}
	if f.longest <= 0 || f.longest > longestSessions {
		wrong = append(wrong, fmt.Errorf("--longest %v is not possible; allowed: up to %v", f.longest, longestSessions))
	}
	if f.advertise != "" {
		if opt.Advertise, err = netip.ParseAddr(f.advertise); err != nil {
			wrong = append(wrong, fmt.Errorf("--advertise %q is no address: write it like 192.0.2.7", f.advertise))
		}
	}
	if err := opt.Ports.UnmarshalText([]byte(f.ports)); f.ports != "" && err != nil {
		wrong = append(wrong, fmt.Errorf("--ports: %w", err))
	}
	if _, _, err := net.SplitHostPort(controlAt(f.listen)); err != nil {
		wrong = append(wrong, fmt.Errorf("--listen %q: write an address and a port, like 0.0.0.0:%d", f.listen, pairing.DefaultPort))
	}
	for _, a := range f.accept {
		if a != riskHostSysctl {
			wrong = append(wrong, fmt.Errorf("--accept-risk %q: the risk that can be accepted here is %s", a, riskHostSysctl))
		}
	}
	if slices.Contains(f.accept, riskHostSysctl) {
		opt.Lend = &sysctl.Host{Journal: f.journal, Command: commandLine()}
	}
	if len(wrong) > 0 {
		return opt, usage("%w", errors.Join(wrong...))
	}
	return opt, nil
}

// token reads the secret, or makes one.
func (f *serverFlags) token() (t pairing.Token, made bool, err error) {
	if f.tokenFile == "" {
		return pairing.NewToken(), true, nil
	}
	t, err = readToken(f.tokenFile)
	if !errors.Is(err, os.ErrNotExist) {
		return t, false, err
	}
	t = pairing.NewToken()
	if err := renameio.WriteFile(f.tokenFile, []byte(string(t)+"\n"), 0o600); err != nil {
		return "", false, failed(fmt.Errorf("--token-file: %w", err))
	}
	return t, true, nil
}

// mostTokenFile bounds what is read of a file that is no token.
const mostTokenFile = 1 << 16

func readToken(path string) (pairing.Token, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", usage("--token-file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostTokenFile))
	if err != nil {
		return "", usage("--token-file: %w", err)
	}
	t, err := pairing.ParseToken(string(text))
	if err != nil {
		return "", usage("--token-file %s: %w", path, err)
	}
	return t, nil
}

// keep writes the record of a session whose client has gone.
func (f *serverFlags) keep(e pairing.Ended, say func(string)) {
	t, err := trial.Orphaned(e, trial.Options{Tool: "twomsl " + version(), Command: commandLine()})
	if err != nil {
		say("no record could be made of what the client left: " + err.Error())
		return
	}
	path, err := record.Write(f.records, t)
	if err != nil {
		say(fmt.Sprintf("the record of what the client left could not be kept: %v; free some room or name another --records", err))
		return
	}
	say("what was measured here until then: twomsl report " + quoted(path))
}

// take keeps a shard's record that its client hands in, in a directory of its run. The same one may come again: its client
// may not have heard that it came.
func (f *serverFlags) take(data []byte, say func(string)) error {
	t, err := record.Decode("what was handed in", data)
	if err != nil {
		return err
	}
	if t.Shard == nil {
		return errors.New("it is no shard's record: other runs have it where their client is")
	}
	path, err := record.Write(filepath.Join(f.records, t.Shard.RunID), t)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err == nil {
		say(fmt.Sprintf("shard %d/%d of %s handed in: twomsl report %s", t.Shard.Number, t.Shard.Of, t.Shard.RunID, quoted(path)))
	}
	return nil
}
