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

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// statesFlags are what `twomsl states` can be told.
type statesFlags struct {
	netns  string
	pid    int
	watch  bool
	every  time.Duration
	times  int
	all    bool
	format string
}

func newStates() *cobra.Command {
	f := &statesFlags{}
	c := &cobra.Command{
		Use: "states", GroupID: thenGroup, Args: cobra.NoArgs,
		Short: "Count this machine's TCP sockets by state, as netstat -n | awk does",
		Long: `Counts TCP sockets by state, IPv4 and IPv6 together: of this network namespace, of another by its path, or of a
process's. Listeners are left out, as netstat -n does; --all counts them too.`,
		Example: `  twomsl states
  twomsl states --watch
  sudo twomsl states --netns /run/netns/blue
  twomsl states --pid 1 --all`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout()) },
	}
	fs := c.Flags()
	fs.StringVar(&f.netns, "netns", "", "the network namespace at `PATH`, such as /run/netns/NAME")
	fs.IntVar(&f.pid, "pid", 0, "the network namespace of process `N`")
	fs.BoolVarP(&f.watch, "watch", "w", false, "count again and again until Ctrl-C")
	fs.DurationVar(&f.every, "every", time.Second, "with --watch: how often")
	fs.IntVar(&f.times, "times", 0, "with --watch: stop after `N` counts (0: until Ctrl-C)")
	fs.BoolVarP(&f.all, "all", "a", false, "listeners too, as netstat -a")
	fs.StringVarP(&f.format, "output", "o", "states", "`FORMAT`: states or json")
	c.MarkFlagsMutuallyExclusive("netns", "pid")
	return c
}

// leastEvery keeps --watch from being a load of its own.
const leastEvery = 10 * time.Millisecond

func (f *statesFlags) run(w io.Writer) error {
	if f.format != "states" && f.format != "json" {
		return usage("-o %q: the formats here are states and json", f.format)
	}
	if f.every < leastEvery {
		return usage("--every %v: %v at the least", f.every, leastEvery)
	}
	if f.times < 0 || f.times > 0 && !f.watch {
		return usage("--times %d: it goes with --watch, and is 0 for no end or above", f.times)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for n := 1; ; n++ {
		counts, err := f.count()
		if err != nil {
			return failed(err)
		}
		if err := f.print(w, counts); err != nil {
			return failed(err)
		}
		if !f.watch || n == f.times {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.every):
		}
	}
}

func (f *statesFlags) count() (c record.Counts, err error) {
	opt := sample.CountOptions{NoListen: !f.all}
	switch {
	case f.pid != 0:
		return sample.CountPID(f.pid, opt)
	case f.netns != "":
		err = linux.InNetNS(f.netns, func() error {
			c, err = sample.CountHere(opt)
			return err
		})
		return c, err
	}
	return sample.CountHere(opt)
}

func (f *statesFlags) print(w io.Writer, c record.Counts) error {
	if f.format == "json" {
		return writeJSON(w, map[string]any{"at": time.Now().UTC(), "states": c})
	}
	if f.watch {
		if _, err := fmt.Fprintln(w, time.Now().Format("15:04:05.000")); err != nil {
			return err
		}
	}
	for _, s := range record.States {
		if n := c[s]; n > 0 {
			if _, err := fmt.Fprintf(w, "%s %d\n", s.Netstat(), n); err != nil {
				return err
			}
		}
	}
	return nil
}
