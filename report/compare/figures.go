package compare

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// figures is a metric over the trials of a variant that count.
type figures struct {
	variant  string
	trials   int       // that count
	readings []reading // of those trials that have the metric
	values   []float64 // of the readings in which it happened
	never    int       // readings in which it did not
	missing  string    // why the first trial without it has none
	spoiled  string    // what makes it unusable; "" where nothing does
	limited  string    // the warning that it shows tcp_max_tw_buckets, not the load
	stolen   int       // trials that were left out, since a hypervisor gave their time to others
	sessions int       // that the values are the medians of, where they are not of trials: a baseline's
}

func (x *analysis) figures(m metric, variant string) *figures {
	key := known{variant, m.name}
	if f := x.known[key]; f != nil {
		return f
	}
	f := &figures{variant: variant, trials: len(x.trials[variant])}
	x.known[key] = f
	for _, t := range x.trials[variant] {
		if x.leaveStolen && stolenFrom(t, m.name) != "" {
			f.stolen++
			continue
		}
		r := m.read(t)
		if r.unmeasured != "" {
			if f.missing == "" {
				f.missing = r.unmeasured
			}
			continue
		}
		f.readings = append(f.readings, r)
		if r.never {
			f.never++
		} else {
			f.values = append(f.values, r.value)
		}
		f.warned(m.name, t)
	}
	f.mostlyStolen(x.trials[variant], m.name)
	return f
}

// stolenFrom is the warning that a hypervisor gave a trial's time to others, where it touches the metric; "" where none does.
func stolenFrom(t *record.Trial, metric string) string {
	for i := range t.Warnings {
		if w := &t.Warnings[i]; w.Code == "steal" && slices.Contains(w.Spoils, metric) {
			return w.Text
		}
	}
	return ""
}

// mostlyStolen: which trials are hit has nothing to do with what is tested, so that the others answer; but where most are hit
// they do not.
func (f *figures) mostlyStolen(trials []*record.Trial, metric string) {
	if f.stolen <= len(f.readings) {
		return
	}
	for _, t := range trials {
		if text := stolenFrom(t, metric); text != "" {
			f.spoiled = fmt.Sprintf("%s: in %d of %d trials of %s", text, f.stolen, len(trials), f.variant)
		}
	}
}

// warned notes which of a trial's warnings touch the metric.
func (f *figures) warned(metric string, t *record.Trial) {
	for i := range t.Warnings {
		w := &t.Warnings[i]
		touched := slices.Contains(w.Spoils, metric) ||
			strings.HasPrefix(metric, failed+".") && slices.Contains(w.Spoils, failed)
		switch {
		case !touched:
		case w.Code == "tw-overflow" && f.limited == "":
			f.limited = w.Text
		case w.Code != "tw-overflow" && f.spoiled == "":
			f.spoiled = w.Text
		}
	}
}

// median is nil where the metric was not measured, or did not happen in half of the trials or more.
func (f *figures) median() *float64 {
	if len(f.values) == 0 || 2*f.never >= len(f.readings) {
		return nil
	}
	m := median(f.values)
	return &m
}

func (f *figures) all(is func(reading) bool) bool {
	for _, r := range f.readings {
		if !is(r) {
			return false
		}
	}
	return len(f.readings) > 0
}

func (f *figures) atLeast() bool { return f.all(func(r reading) bool { return r.atLeast }) }

// totals are what the values are parts of, nil where a trial has none.
func (f *figures) totals() (all []float64) {
	for _, r := range f.readings {
		if !(r.of > 0) {
			return nil
		}
		all = append(all, r.of)
	}
	return all
}

func (f *figures) value() record.Value {
	v := record.Value{Values: append([]float64{}, f.values...), Never: f.never}
	switch {
	case len(f.readings) == 0 && f.trials == 0:
		v.Unmeasured = "no trial counts"
	case len(f.readings) == 0:
		v.Unmeasured = f.missing
	case len(f.values) == 0:
		v.Bound = "never"
	case f.atLeast():
		v.Bound = "at-least"
	}
	for _, r := range f.readings {
		v.Computed = v.Computed || r.computed
	}
	if t := f.totals(); t != nil {
		of := median(t)
		v.Of = &of
	}
	return v
}

// unusable tells what is missing for any verdict; "" where nothing is.
func (f *figures) unusable() string {
	switch {
	case f.trials == 0:
		return fmt.Sprintf("no trial of %s counts", f.variant)
	case f.spoiled != "":
		return f.spoiled
	case len(f.readings) == 0:
		return fmt.Sprintf("not measured in %s: %s", f.variant, f.missing)
	}
	return ""
}
