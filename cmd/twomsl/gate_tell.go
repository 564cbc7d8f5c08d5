package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"twomsl/internal/record"
	"twomsl/report"
)

// gateTeller tells of a gate.
func gateTeller(g *record.Gate) teller {
	return teller{
		write:    func(format string, w io.Writer, o report.Options) error { return report.WriteGate(format, w, g, o) },
		pictures: func(kind string) ([]report.Picture, error) { return report.GatePictures(g, kind) },
	}
}

// keep keeps the gate as far as it has come: what breaks afterwards leaves that.
func (g *gating) keep() error {
	if _, err := record.KeepGate(g.f.records, &g.rec); err != nil && g.lost == nil {
		g.lost = err
	}
	return nil
}

// tell keeps the record, writes every format that was asked for, and gives the exit code.
func (g *gating) tell(err error, stdout, stderr io.Writer) error {
	g.conclude(err)
	historyErr := g.addToHistory()
	path := ""
	if g.rec.Status != record.Invalid {
		var keepErr error
		if path, keepErr = record.KeepGate(g.f.records, &g.rec); keepErr != nil && g.lost == nil {
			g.lost = keepErr
		}
	}
	writeErr := g.f.outputs.write(gateTeller(&g.rec), path, stdout, stderr)
	writeErr = errors.Join(writeErr, g.tellPipeline(path, stdout), historyErr)
	if g.lost != nil {
		writeErr = errors.Join(writeErr, fmt.Errorf("not every record could be kept: %w; free some room or name another --records", g.lost))
	}
	switch {
	case writeErr != nil && g.rec.ExitCode == exitDone:
		return failed(writeErr)
	case writeErr != nil:
		return &exitError{code: g.rec.ExitCode, err: writeErr}
	}
	if g.rec.ExitCode == exitDone {
		return nil
	}
	return &exitError{code: g.rec.ExitCode} // said by the report
}

// conclude settles status, exit code and what is said of them.
func (g *gating) conclude(err error) {
	r := &g.rec
	var e *exitError
	switch {
	case err != nil:
		if !errors.As(err, &e) {
			e = &exitError{code: exitFailed, err: err}
		}
		r.ExitCode, r.Why, r.Verdict = e.code, e.Error(), ""
		switch e.code {
		case exitUsage, exitRefused:
			r.Status = record.Invalid
		case exitCannot:
			r.Status = record.Unsupported
			if g.f.unsupported == answerSkip {
				r.ExitCode = exitDone
			}
		case exitInterrupted:
			r.Status = record.Interrupted
		default:
			r.Status = record.Failed
		}
	case r.Verdict == record.Regression:
		r.ExitCode = exitRegression
	case r.Verdict == record.Inconclusive:
		if r.ExitCode = exitInconclusive; g.f.inconclusive == answerWarn {
			r.ExitCode = exitDone
		}
	default:
		r.ExitCode = exitDone
	}
}

// tellPipeline writes where a pipeline looks of itself: GitHub's summary of a step, and its annotations.
func (g *gating) tellPipeline(path string, stdout io.Writer) error {
	var errs []error
	if file := os.Getenv("GITHUB_STEP_SUMMARY"); file != "" {
		errs = append(errs, g.appendTo(file, path))
	}
	named := slices.ContainsFunc(g.f.outputs.list, func(o output) bool { return o.format == "annotations" || o.file == "" })
	if os.Getenv("GITHUB_ACTIONS") == "true" && !named { // its runner reads them off standard output
		errs = append(errs, report.WriteGate("annotations", stdout, &g.rec, look(stdout, "", path)))
	}
	return errors.Join(errs...)
}

// appendTo adds the summary to a file that other steps write to, too.
func (g *gating) appendTo(file, path string) error {
	var b bytes.Buffer
	if err := report.WriteGate("markdown", &b, &g.rec, report.Options{Width: plainWidth, RecordPath: path}); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	return nil
}
