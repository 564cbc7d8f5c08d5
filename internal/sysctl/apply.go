package sysctl

import (
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
	var w changes
	refused = w.apply(root, asked)
	return w.list(), refused
}

// changes are the keys that were written, in the order of the first write.
type changes struct{ touched []record.SysctlChange }

func (w *changes) apply(root string, asked []Setting) (refused []record.SysctlRefusal) {
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
		w.note(s.Key, before, s.Value, after)
	}
	return refused
}

func (w *changes) note(key, before, asked, after string) {
	i := slices.IndexFunc(w.touched, func(c record.SysctlChange) bool { return c.Key == key })
	if i < 0 {
		w.touched = append(w.touched, record.SysctlChange{Key: key, Default: before})
		i = len(w.touched) - 1
	}
	if Same(key, asked, after) {
		asked = after // the same number, written in another way
	}
	w.touched[i].Asked, w.touched[i].Value = asked, after
}

// took notes what became of a recipe's setting.
func (w *changes) took(q record.SysctlAsked) {
	if q.Before != nil && q.Value != nil && *q.Before != *q.Value {
		w.note(q.Key, *q.Before, q.Asked, *q.Value)
	}
}

// keys are those that were written.
func (w *changes) keys() map[string]bool {
	m := map[string]bool{}
	for _, c := range w.touched {
		m[c.Key] = true
	}
	return m
}

// list has those whose value is not what it was.
func (w *changes) list() (changed []record.SysctlChange) {
	for _, c := range w.touched {
		if c.Value != c.Default {
			changed = append(changed, c)
		}
	}
	return changed
}

// write sets one key. Before and after are the values around the write, both "" where nothing was written.
func write(root string, s Setting) (before, after, why string) {
	if _, err := path(root, s.Key); err != nil {
		return "", "", err.Error()
	}
	if !strings.HasPrefix(s.Key, netPrefix) {
		return "", "", "host-wide: only settings below net are a lab's own"
	}
	if err := isSetting(root, s.Key); err != nil {
		return "", "", refusal(root, s, err)
	}
	before, err := Read(root, s.Key)
	if err != nil {
		return "", "", refusal(root, s, err)
	}
	now, why := put(root, s, before)
	if now == nil {
		return before, "", why
	}
	return before, *now, why
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
