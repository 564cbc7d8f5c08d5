package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

func init() { benchFormats["benchfmt"] = writeBenchFmt }

// writeBenchFmt writes what benchstat reads (the Go benchmark data format, golang.org/x/perf/benchfmt): the machine as
// configuration lines, a result for each round of each row. Another program's rows follow under its own `tool:`.
func writeBenchFmt(b *bytes.Buffer, r *record.Bench, _ Options) error {
	e := &r.Environment
	line := func(key, value string) {
		if value = clean(value); value != "" {
			fmt.Fprintf(b, "%s: %s\n", key, value)
		}
	}
	line("goos", "linux")
	line("goarch", e.Arch)
	line("cpu", e.CPUModel)
	line("kernel", e.Kernel)
	tool := ""
	for _, against := range benchPrograms(r) {
		name := r.Tool
		if against != "" {
			if name = against; name == r.Tool {
				name += " (the other)" // benchstat -col tool must tell them apart
			}
		}
		if name != tool {
			line("tool", name)
			tool = name
		}
		b.WriteByte('\n')
		for i := range r.Rows {
			if r.Rows[i].Against == against {
				benchResults(b, &r.Rows[i])
			}
		}
	}
	return nil
}

// benchPrograms are this program, which is "", and the others, in the order in which they come.
func benchPrograms(r *record.Bench) []string {
	out, seen := []string{""}, map[string]bool{"": true}
	for i := range r.Rows {
		if a := r.Rows[i].Against; !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}

// benchResults writes a line for each round, with every metric that has a value for it.
func benchResults(b *bytes.Buffer, r *record.BenchRow) {
	rounds := 0
	for _, m := range r.Metrics {
		rounds = max(rounds, len(m.Values))
	}
	for round := range rounds {
		fmt.Fprintf(b, "Benchmark%s 1", benchWord(engineNamed(r)))
		for _, m := range r.Metrics {
			if round < len(m.Values) {
				fmt.Fprintf(b, " %s %s", strconv.FormatFloat(m.Values[round], 'f', -1, 64), benchWord(m.Unit))
			}
		}
		b.WriteByte('\n')
	}
}

// engineNamed is a row's name with the engine as it was in the end: split/uring is not split/epoll, and benchstat must not
// hold one against the other.
func engineNamed(r *record.BenchRow) string {
	parts := strings.Split(r.Name, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "engine=") && r.Engine != "" {
			parts[i] = "engine=" + strings.ReplaceAll(r.Engine, "/", ":")
		}
	}
	return strings.Join(parts, "/")
}

// benchWord is text without spaces: they end a field.
func benchWord(text string) string { return strings.ReplaceAll(clean(text), " ", "_") }
