package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	hostlook "twomsl/internal/look"
	"twomsl/internal/observe"
	"twomsl/internal/paste"
	"twomsl/internal/record"
)

// hostFlags say which host is looked at: this one, or the one that a text is of.
type hostFlags struct {
	live  bool
	pid   int
	netns string
	watch time.Duration
	set   *pflag.FlagSet
}

const (
	defaultWatch = 10 * time.Second
	longestWatch = time.Hour
	// longestText bounds what is read of one text: 500,000 sockets are about 60 MB.
	longestText = 256 << 20
)

// add gives a command the flags. With live, it has a flag for this host as it is now; without, that is what it does anyway.
func (f *hostFlags) add(fs *pflag.FlagSet, live bool) {
	f.set = fs
	if live {
		fs.BoolVar(&f.live, "live", false, "look at this host, as it is now; only reads")
	}
	fs.IntVar(&f.pid, "pid", 0, "look at the network namespace of process `N`")
	fs.StringVar(&f.netns, "netns", "", "look at the network namespace `NAME|PATH`")
	fs.DurationVar(&f.watch, "for", defaultWatch, "the time from the first look to the last; 0 is one look. With two texts: the time between "+
		"them, where they do not tell it")
}

// now tells whether it is a host as it is now that is asked for, and what is wrong with the flags.
func (f *hostFlags) now(texts []string) (bool, error) {
	now := f.live || f.set.Changed("pid") || f.set.Changed("netns")
	switch {
	case now && len(texts) > 0:
		return now, usage("%s and a host as it is now (--live, --pid, --netns): one of them", strings.Join(texts, " "))
	case f.set.Changed("pid") && f.set.Changed("netns"):
		return now, usage("--pid and --netns: one of them")
	case f.set.Changed("pid") && f.pid <= 0:
		return now, usage("--pid %d: the number of a process", f.pid)
	case f.set.Changed("netns") && f.netns == "":
		return now, usage("--netns: the name of a network namespace, or its path")
	case f.watch < 0 || f.watch > longestWatch:
		return now, usage("--for %v: 0 to %v", f.watch, longestWatch)
	}
	return now, nil
}

func (f *hostFlags) options() observe.Options {
	return observe.Options{PID: f.pid, NetNS: f.netns, For: f.watch}
}

// between is what the command line says of the time between two texts; 0 where it says nothing.
func (f *hostFlags) between() time.Duration {
	if f.set.Changed("for") {
		return f.watch
	}
	return 0
}

// hostFrom is the host that the command line means: as it is now, or as texts or one JSON document of twomsl snapshot tell it.
// A text called - is standard input.
func hostFrom(ctx context.Context, f *hostFlags, texts []string, stdin io.Reader) (record.Host, error) {
	now, err := f.now(texts)
	switch {
	case err != nil:
		return record.Host{}, err
	case now:
		h, err := observe.Live(ctx, f.options())
		if err != nil {
			return h, failed(err)
		}
		return h, nil
	case len(texts) == 0:
		return record.Host{}, usage("nothing to look at: --live is this host, FILE what was pasted, - the same from standard input")
	}
	read, err := readTexts(texts, stdin)
	if err != nil {
		return record.Host{}, err
	}
	if len(read) == 1 && strings.HasPrefix(strings.TrimSpace(read[0].Body), "{") {
		return hostOfJSON(read[0])
	}
	h, err := paste.Host(read, f.between())
	if err != nil {
		return h, usage("%w", err)
	}
	return h, nil
}

// hostOfJSON reads what twomsl snapshot -o json wrote.
func hostOfJSON(t paste.Pasted) (record.Host, error) {
	h, err := record.DecodeHost(t.Name, []byte(t.Body))
	if err != nil {
		return record.Host{}, usage("%w", err)
	}
	return *h, nil
}

// readTexts reads all files, and tells of all that cannot be read.
func readTexts(names []string, stdin io.Reader) ([]paste.Pasted, error) {
	var all []paste.Pasted
	var wrong []error
	for _, name := range names {
		t, err := readText(name, stdin)
		if err != nil {
			wrong = append(wrong, err)
		}
		all = append(all, t)
	}
	if wrong != nil {
		return nil, usage("%w", errors.Join(wrong...))
	}
	return all, nil
}

func readText(name string, stdin io.Reader) (paste.Pasted, error) {
	t := paste.Pasted{Name: name}
	from := stdin
	if name == "-" {
		t.Name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return t, err
		}
		defer f.Close() //nolint:errcheck // only read from
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, longestText+1))
	switch {
	case err != nil:
		return t, fmt.Errorf("%s: %w", t.Name, err)
	case len(data) > longestText:
		return t, fmt.Errorf("%s: longer than %d MiB", t.Name, longestText>>20)
	}
	t.Body = string(data)
	return t, nil
}

// hostOf puts looks together that were taken here or read from texts.
func hostOf(source string, looks []hostlook.Look, between time.Duration, redacted bool) record.Host {
	w := hostlook.Watch{Source: source, Between: between, Redacted: redacted}
	for _, l := range looks {
		w.Add(l)
	}
	return w.Host()
}

// isRecord tells a file of a trial or a comparison from what hostFrom reads: texts, and a host's own record.
func isRecord(file string) bool {
	if file == "-" {
		return false
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return filepath.Ext(file) == ".json"
	}
	if schema, err := record.SchemaOf(file, data); err == nil {
		return schema != record.HostSchema
	}
	return filepath.Ext(file) == ".json" || strings.HasPrefix(strings.TrimSpace(string(data[:min(len(data), 512)])), "{")
}
