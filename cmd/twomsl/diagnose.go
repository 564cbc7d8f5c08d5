package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"twomsl/internal/record"
	"twomsl/report"
	"twomsl/report/diagnose"
)

// diagnoseFlags are what `twomsl diagnose` can be told.
type diagnoseFlags struct {
	outputs outputs
	side    string
	host    hostFlags
}

func newDiagnose() *cobra.Command {
	f := &diagnoseFlags{outputs: outputs{formats: report.DiagnosisFormats()}}
	c := &cobra.Command{
		Use: "diagnose [FILE|-]...", GroupID: firstGroup,
		Short: "Say what is wrong with a host, with the evidence, what helps, and what was ruled out",
		Long: `Looks at a host and ranks the causes of its trouble by their evidence: what helps tonight and what lasts, each with its
risk and how to undo it; which scenario shows it; what was ruled out; and what cannot be seen from outside. That nothing is
wrong is a diagnosis, too.

The host is this one as it is now (--live, which only reads), a process's or a named network namespace (--pid, --netns), one
of which something was pasted (what twomsl snapshot or its script, ss, netstat, nstat or sysctl -a printed; two texts of
one host give changes and rates), or the one that was struck in a recorded trial.`,
		Example: `  twomsl diagnose --live
  twomsl diagnose host.txt
  ss -tanoe | twomsl diagnose -
  twomsl run port-exhaustion-small -o json=trial.json && twomsl diagnose trial.json
  twomsl diagnose trial.json --side server
  twomsl diagnose trial.json -o html=diagnosis.html -o markdown=diagnosis.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			soft, _, release := interrupts(cmd.ErrOrStderr())
			defer release()
			return f.run(soft, args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.outputs.flags(c.Flags())
	f.host.add(c.Flags(), true)
	c.Flags().StringVar(&f.side, "side", "", "which host of a trial: `client|server|relay` (default: the one that was struck)")
	return c
}

func (f *diagnoseFlags) run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	texts := slices.DeleteFunc(slices.Clone(args), isRecord)
	switch now, err := f.host.now(texts); {
	case err != nil:
		return allOf(err, f.checkSide(), f.outputs.check())
	case len(texts) < len(args) && (now || len(texts) > 0):
		return usage("a record of a trial, and a host as it is or as a text tells it: one of them")
	case len(texts) < len(args):
		return f.ofRecords(args, stdout, stderr)
	}
	err := f.checkSide()
	if err == nil && f.side != "" {
		err = usage("--side %s: only a trial's record has sides", f.side)
	}
	if err := allOf(err, f.outputs.check()); err != nil {
		return err
	}
	h, err := hostFrom(ctx, &f.host, args, stdin)
	if err != nil {
		return err
	}
	return tellDiagnosis(&f.outputs, stdout, stderr, h)
}

func (f *diagnoseFlags) checkSide() error {
	if f.side != "" && f.side != "client" && f.side != "server" && f.side != "relay" {
		return usage("--side %q: the sides are client, server and relay", f.side)
	}
	return nil
}

// ofRecords diagnoses the struck hosts of recorded trials.
func (f *diagnoseFlags) ofRecords(args []string, stdout, stderr io.Writer) error {
	problems := []error{f.checkSide()}
	var hosts []record.Host
	for _, path := range args {
		found, err := f.hostsIn(path)
		hosts = append(hosts, found...)
		problems = append(problems, err)
	}
	if err := allOf(append(problems, f.outputs.check())...); err != nil {
		return err
	}
	return tellDiagnosis(&f.outputs, stdout, stderr, hosts...)
}

// tellDiagnosis diagnoses hosts and tells it in every format that was asked for, the terminal's where none was.
func tellDiagnosis(out *outputs, stdout, _ io.Writer, hosts ...record.Host) error {
	list := make([]*record.Diagnosis, len(hosts))
	for i, h := range hosts {
		d := diagnose.Diagnose(h)
		list[i] = &d
	}
	if len(out.list) == 0 {
		out.list = []output{{format: "terminal"}}
	}
	tell := teller{write: func(format string, w io.Writer, o report.Options) error {
		return report.WriteDiagnoses(format, w, list, o)
	}}
	if err := out.only(tell, "", "", stdout); err != nil {
		return failed(err)
	}
	return nil
}

// hostsIn are the hosts that a file tells of: the struck one of a trial, or of a comparison's last trial of each variant.
func (f *diagnoseFlags) hostsIn(path string) ([]record.Host, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("cannot read record: %w", err)
	}
	switch schema, err := record.SchemaOf(path, data); {
	case err == nil && schema == record.ComparisonSchema:
		return f.hostsOfComparison(path, data)
	case err == nil && schema == record.HostSchema:
		h, err := record.DecodeHost(path, data)
		if err != nil {
			return nil, usage("%w", err)
		}
		return []record.Host{*h}, nil
	}
	t, err := record.Decode(path, data)
	if err != nil {
		return nil, usage("%w", err)
	}
	return f.hostOf(path, t)
}

func (f *diagnoseFlags) hostOf(path string, t *record.Trial) ([]record.Host, error) {
	side := f.side
	if side == "" {
		side = diagnose.Struck(t)
	}
	if side == "relay" && t.Relay == nil {
		return nil, usage("--side relay: the trial in %s has none", path)
	}
	return []record.Host{diagnose.FromTrial(t, side)}, nil
}

// hostsOfComparison reads the last trial of each variant that counts: its record lies beside the comparison's.
func (f *diagnoseFlags) hostsOfComparison(path string, data []byte) (hosts []record.Host, err error) {
	c, err := record.DecodeComparison(path, data)
	if err != nil {
		return nil, usage("%w", err)
	}
	for _, v := range c.Variants {
		id := lastTrial(c, v.Name)
		if id == "" {
			continue
		}
		file := filepath.Join(filepath.Dir(path), id+".json")
		t, err := record.Read(file)
		if err != nil {
			return nil, usage("the comparison in %s: its trials' records are looked for beside it: %w", path, err)
		}
		found, err := f.hostOf(file, t)
		if err != nil {
			return nil, err
		}
		for i := range found {
			found[i].Name = fmt.Sprintf("%s: %s", v.Name, found[i].Name)
		}
		hosts = append(hosts, found...)
	}
	if len(hosts) == 0 {
		return nil, usage("the comparison in %s has no trial that counts", path)
	}
	return hosts, nil
}

// lastTrial is the ID of a variant's last trial that counts; "" where there is none.
func lastTrial(c *record.Comparison, variant string) (id string) {
	for i := range c.Trials {
		if t := &c.Trials[i]; t.Variant == variant && t.Counted && t.ID != "" {
			id = t.ID
		}
	}
	return id
}
