package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"twomsl/internal/sysctl"
)

func newSysctl() *cobra.Command {
	c := &cobra.Command{
		Use: "sysctl", GroupID: moreGroup, Args: cobra.NoArgs,
		Short: "Explain settings, hold a recipe against this host, put this host's settings back after a crash",
		Example: `  twomsl sysctl explain tcp_fin_timeout
  twomsl sysctl diff /etc/sysctl.conf
  twomsl sysctl restore`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(newExplain(), newDiff(), newRestore())
	return c
}

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use: "explain KEY", Args: oneArgument("key", "like tcp_tw_reuse, net.core.somaxconn or /proc/sys/net/ipv4/tcp_mem"),
		Short: "Say what a setting does, what it does not do, on which side it acts and what it costs",
		Example: `  twomsl sysctl explain tcp_tw_reuse
  twomsl sysctl explain net.ipv4.tcp_tw_recycle`,
		RunE: func(cmd *cobra.Command, args []string) error { return explain(cmd.OutOrStdout(), args[0]) },
	}
}

func explain(w io.Writer, text string) error {
	key, exact := sysctl.Find(sysctl.DefaultRoot, text)
	if key == "" {
		return usage("%q is no setting that this kernel has or that is known here, and none is near; "+
			"`ls /proc/sys/net/ipv4` shows what there is", text)
	}
	p := newPage(w)
	if !exact {
		p.para(fmt.Sprintf("There is no %s. The nearest is:", text))
		p.line("")
	}
	p.title(key)
	p.line("")
	if _, by, why, was := sysctl.Gone(key); was && sysctl.Look(sysctl.DefaultRoot, sysctl.Setting{Key: key}).Before == nil {
		p.row("gone", strings.TrimPrefix(why, "gone "))
		if by == "" {
			t, _ := sysctl.About(key)
			p.row("did", t.Does)
			return p.end()
		}
		p.row("", "What follows is about "+by+".")
		key = by
	}
	explainKey(p, key)
	return p.end()
}

// explainKey tells what is known of a key, and what it is here.
func explainKey(p *page, key string) {
	t, known := sysctl.About(key)
	switch {
	case known:
	case strings.HasPrefix(key, "net."):
		t.Does = "Nothing is written down about it here; Documentation/networking/ip-sysctl.rst of the Linux source may have it."
	default:
		t.Does = "It is no setting of the network, and nothing is written down about it here."
	}
	p.row("does", t.Does)
	p.row("not", t.Not)
	p.row("costs", t.Costs)
	if t.Side != "" {
		p.row("acts on", t.Side)
	}
	p.row("unit", t.Unit)
	p.row("takes", sysctl.Takes(sysctl.DefaultRoot, key))
	if sysctl.Namespaced(key) {
		p.row("one for", "each network namespace: a lab has its own")
	} else {
		p.row("one for", "the whole machine: a lab cannot have its own")
	}
	p.row("here", valueHere(key))
	if known && sysctl.Namespaced(key) {
		p.row("try it", "twomsl run port-exhaustion-small --sysctl "+key+"=VALUE")
	}
}

// valueHere is a setting's value in this network namespace, as a person reads it.
func valueHere(key string) string {
	q := sysctl.Look(sysctl.DefaultRoot, sysctl.Setting{Key: key})
	switch {
	case q.Before == nil && q.Exists:
		return "not told: " + q.Reason
	case q.Before == nil:
		return "not there: " + q.Reason
	case *q.Before == "":
		return "empty"
	}
	return *q.Before
}

func newRestore() *cobra.Command {
	var journal string
	var force bool
	c := &cobra.Command{
		Use: "restore", Args: cobra.NoArgs,
		Short: "Put this host's settings back after a run that was killed",
		Long: `Puts this host's settings back as the journal says that a run on topology host has left behind, in reverse order, and
reads each back. A run that ends by itself, or with Ctrl-C, has done so already.

What somebody else has changed since is left alone and named; --force puts it back all the same. After a reboot nothing
is left to put back. In another network namespace than the run's nothing is touched.`,
		Example: `  sudo twomsl sysctl restore
  sudo twomsl sysctl restore --force`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h := sysctl.Host{Journal: journal}
			r, err := h.Restore(force)
			tellRestored(cmd.OutOrStdout(), r, journal, err)
			return restoreError(err)
		},
	}
	journalFlag(c.Flags(), &journal)
	c.Flags().BoolVar(&force, "force", false, "also put back what somebody has changed since")
	return c
}

func tellRestored(w io.Writer, r sysctl.Restored, journal string, err error) {
	for _, b := range r.Back {
		if b.Now == b.Before {
			fmt.Fprintf(w, "%s = %s  it was so already\n", b.Key, b.Before)
		} else {
			fmt.Fprintf(w, "%s = %s  put back, it was %s\n", b.Key, b.Before, b.Now)
		}
	}
	switch {
	case err != nil:
	case r.Journal == "":
		fmt.Fprintf(w, "Nothing to put back: there is no journal at %s.\n", journal)
	case r.Rebooted:
		fmt.Fprintf(w, "Nothing to put back: this host has started anew since, and has its own settings. The journal is removed.\n")
	default:
		fmt.Fprintf(w, "This host's settings are as they were before the run. The journal is removed.\n")
	}
}

// restoreError gives the exit code: 5 where restoring is refused, 1 where it failed.
func restoreError(err error) error {
	var held *sysctl.HeldError
	var elsewhere *sysctl.ElsewhereError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &held), errors.As(err, &elsewhere):
		return &exitError{code: exitRefused, err: err}
	}
	return failed(err)
}
