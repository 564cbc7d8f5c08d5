package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	hostlook "twomsl/internal/look"
	"twomsl/internal/observe"
	"twomsl/internal/paste"
	"twomsl/internal/record"
)

// snapshotFlags are what `twomsl snapshot` can be told.
type snapshotFlags struct {
	host           hostFlags
	script, redact bool
	format         string
}

func newSnapshot() *cobra.Command {
	f := &snapshotFlags{}
	c := &cobra.Command{
		Use: "snapshot [FILE|-]...", GroupID: moreGroup,
		Short: "Write down what this host's sockets look like, to be diagnosed elsewhere; --script for a host without twomsl",
		Long: `Writes down as text what "twomsl diagnose" wants to know of a host: its TCP sockets with their timers and queues, counters,
settings, connection tracking and descriptors, at two looks. It only reads. Without root it leaves out what only root may
see, and says so.

With a FILE it reads such a text, or anything else that was pasted (ss, netstat, nstat, sysctl -a ...), and writes it down
again: with --redact, addresses and names are replaced, the same by the same, and whatever was not understood is left out.`,
		Example: `  twomsl snapshot > host.txt                       # this host, for 10 s
  twomsl snapshot --script > snapshot.sh           # for a host where nothing may be installed: sh snapshot.sh > host.txt
  twomsl snapshot --redact host.txt > shown.txt    # before somebody else sees it
  sudo twomsl snapshot --pid 4711 --for 30s        # the network namespace of a container's process`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fs := c.Flags()
	f.host.add(fs, false)
	fs.BoolVar(&f.script, "script", false, "print a POSIX shell script that collects the same and writes nothing")
	fs.BoolVar(&f.redact, "redact", false, "put placeholders in the place of addresses and names")
	fs.StringVarP(&f.format, "output", "o", "text", "`FORMAT`: text, or json for what a diagnosis is made from")
	return c
}

func (f *snapshotFlags) run(texts []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if err := f.check(texts); err != nil {
		return err
	}
	if f.script {
		_, err := io.WriteString(stdout, observe.Script(f.host.watch))
		return asFailed(err)
	}
	looks, source, redacted, err := f.take(texts, stdin, stderr)
	if err != nil {
		return err
	}
	if f.redact {
		redacted = true
		var r hostlook.Redactor
		for i := range looks {
			looks[i] = r.Redact(looks[i])
		}
	}
	if f.format == "json" {
		return asFailed(writeJSON(stdout, hostOf(source, looks, f.host.between(), redacted)))
	}
	return asFailed(hostlook.Write(stdout, looks, redacted))
}

func (f *snapshotFlags) check(texts []string) error {
	_, err := f.host.now(texts)
	var format, script error
	if f.format != "text" && f.format != "json" {
		format = usage("-o %q: the formats here are text and json", f.format)
	}
	if f.script && (f.redact || f.format != "text" || len(texts) > 0 || f.host.pid != 0 || f.host.netns != "") {
		script = usage("--script goes with --for only: the script looks where it runs, and what it prints is redacted " +
			"afterwards, with twomsl snapshot --redact FILE")
	}
	return allOf(err, format, script)
}

// take gives the looks at the host, or those that texts hold.
func (f *snapshotFlags) take(texts []string, stdin io.Reader, stderr io.Writer) (looks []hostlook.Look, source string, redacted bool, err error) {
	if len(texts) == 0 {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if f.host.watch > time.Second {
			fmt.Fprintf(stderr, "two looks, %v apart\n", f.host.watch)
		}
		looks, err = observe.Looks(ctx, f.host.options())
		return looks, record.FromLive, false, asFailed(err)
	}
	read, err := readTexts(texts, stdin)
	if err != nil {
		return nil, "", false, err
	}
	r, err := paste.Read(read)
	if err != nil {
		return nil, "", false, usage("%w", err)
	}
	tellUnread(stderr, r.Unread)
	return r.Looks, record.FromPasted, r.Redacted, nil
}

// tellUnread says which lines are left out: not what is in them where there are many.
func tellUnread(stderr io.Writer, unread []paste.Unread) {
	const mostTold = 5
	for i, u := range unread {
		if i == mostTold {
			fmt.Fprintf(stderr, "and %d more lines are left out\n", len(unread)-mostTold)
			return
		}
		fmt.Fprintf(stderr, "left out: %v\n", u)
	}
}

// asFailed is failed, where there is an error.
func asFailed(err error) error {
	if err == nil {
		return nil
	}
	return failed(err)
}
