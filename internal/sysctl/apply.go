package sysctl

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// Read gives the value of a key with its white space normalised.
func Read(root, key string) (string, error) {
	file, err := path(root, key)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	return normalise(string(data)), nil
}

// Apply writes settings in the order given, as sysctl -p does, and reads each back. It works on the namespace of the
// calling thread.
//
// Changed has each key whose value is not what it was before, once, in the order of the first write: Default is the
// value found before, Asked the last one asked for, Value what the kernel says now. Refused has what could not be had
// with the reason, in the order asked; a value that the kernel took and turned into another one is in both. A key that
// already had the value is in neither. Keys outside net are refused unwritten: they are the whole host's.
func Apply(root string, asked []Setting) (changed []record.SysctlChange, refused []record.SysctlRefusal) {
	var touched []record.SysctlChange
	for _, s := range asked {
		s.Key, s.Value = canonical(s.Key), normalise(s.Value)
		before, after, why := write(root, s)
		if why != "" {
			if s.Optional {
				why += " (marked with -: to be ignored)"
			}
			refused = append(refused, record.SysctlRefusal{Key: s.Key, Asked: s.Value, Reason: why})
		}
		if after == before && why != "" {
			continue // nothing came of it: an earlier write of the same key stands
		}
		i := slices.IndexFunc(touched, func(c record.SysctlChange) bool { return c.Key == s.Key })
		if i < 0 {
			touched = append(touched, record.SysctlChange{Key: s.Key, Default: before})
			i = len(touched) - 1
		}
		touched[i].Asked, touched[i].Value = s.Value, after
	}
	for _, c := range touched {
		if c.Value != c.Default {
			changed = append(changed, c)
		}
	}
	return changed, refused
}

// write sets one key. Before and after are the values around the write, both "" where nothing was written.
func write(root string, s Setting) (before, after, why string) {
	file, err := path(root, s.Key)
	if err != nil {
		return "", "", err.Error()
	}
	if !strings.HasPrefix(s.Key, "net.") {
		return "", "", "host-wide: only settings below net are a lab's own"
	}
	if err := isSetting(root, s.Key); err != nil {
		return "", "", refusal(root, s, err)
	}
	if before, err = Read(root, s.Key); err != nil {
		return "", "", refusal(root, s, err)
	}
	if err := writeOnce(file, s.Value); err != nil {
		why = refusal(root, s, err)
	}
	after, err = Read(root, s.Key)
	switch { // of a list, the numbers before a refused one are in force: read back in any case
	case err != nil:
		why = "written, but it cannot be read back: " + err.Error()
	case why != "" && after != before:
		why += fmt.Sprintf("; it reads back as %q", after)
	case why == "" && !same(after, s.Value):
		why = fmt.Sprintf("written as %q, reads back as %q", s.Value, after)
	}
	return before, after, why
}

// writeOnce never makes a file, and hands the whole value over in one call: the kernel takes each write as a value.
func writeOnce(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value + "\n")
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
