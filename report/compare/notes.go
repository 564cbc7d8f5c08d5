package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// Codes of the warnings that Build itself adds.
const (
	variantsEqual  = "variants-equal"
	notInterleaved = "not-interleaved"
	variantsDiffer = "made-differently"
	countsOnly     = "counts-only"
)

// warnings are those that were there, those of the trials, one for each code, and those that follow from the comparison.
func (x *analysis) warnings() []record.Warning {
	ours := x.equal() // what decides how the rest is read comes first
	ours = append(ours, x.engines()...)
	ours = append(ours, x.sampled()...)
	ours = append(ours, x.ofTrials()...)
	ours = append(ours, x.differently()...)
	ours = append(ours, x.apart()...)
	ours = append(ours, x.byLineNotes()...)
	replaced := map[string]bool{
		variantsEqual: true, notInterleaved: true, variantsDiffer: true, countsOnly: true,
		DifferentEngines: true, sampledApart: true,
	}
	for _, w := range ours {
		replaced[w.Code] = true
	}
	kept := slices.DeleteFunc(slices.Clone(x.c.Warnings), func(w record.Warning) bool { return replaced[w.Code] })
	return append(kept, ours...)
}

// ofTrials sums up the trials' own warnings.
func (x *analysis) ofTrials() (all []record.Warning) {
	type found struct {
		record.Warning
		first  string
		trials int
	}
	var codes []string
	byCode, total := map[string]*found{}, 0
	for _, v := range x.c.Variants {
		for _, t := range x.trials[v.Name] {
			total++
			for _, w := range t.Warnings {
				f := byCode[w.Code]
				if f == nil {
					f = &found{Warning: w, first: v.Name}
					f.Spoils = nil
					byCode[w.Code], codes = f, append(codes, w.Code)
				}
				f.trials++
				for _, s := range w.Spoils {
					if !slices.Contains(f.Spoils, s) {
						f.Spoils = append(f.Spoils, s)
					}
				}
			}
		}
	}
	for _, code := range codes {
		f := byCode[code]
		f.Text = fmt.Sprintf("%s (%s; %d of %d trials)", f.Text, f.first, f.trials, total)
		all = append(all, f.Warning)
	}
	return all
}

// equal says of each variant that it is the first one again.
func (x *analysis) equal() (all []record.Warning) {
	if len(x.c.Variants) == 0 {
		return nil
	}
	first := &x.c.Variants[0]
	for i := 1; i < len(x.c.Variants); i++ {
		v := &x.c.Variants[i]
		if !slices.Contains([]string{"", "after"}, v.Role) || !x.same(first, v) {
			continue
		}
		all = append(all, record.Warning{
			Code:   variantsEqual,
			Text:   fmt.Sprintf("the variants %s and %s are equal: the same scenario, and the same settings in effect on both sides", first.Name, v.Name),
			Advice: "nothing can have changed but by chance: look at what became of each setting",
		})
	}
	return all
}

// same tells whether two variants ran with the same scenario and the same settings.
func (x *analysis) same(v, w *record.Variant) bool {
	a, b := x.trials[v.Name], x.trials[w.Name]
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	others := sidesOf(b[0])
	for i, s := range sidesOf(a[0]) {
		if i >= len(others) { // a relay that the other variant does without
			return false
		}
		t := others[i]
		if s.Sysctls.Effective == nil || !maps.Equal(s.Sysctls.Effective, t.Sysctls.Effective) ||
			!maps.Equal(unlisted(s), unlisted(t)) {
			return false
		}
	}
	return len(differences("", spec(a[0]), spec(b[0]))) == 0
}

// unlisted are the settings that were changed and are not among those that every record lists.
func unlisted(s namedSide) map[string]string {
	out := map[string]string{}
	for _, a := range s.Sysctls.Asked {
		if _, listed := s.Sysctls.Effective[a.Key]; !listed && a.Value != nil && a.Outcome == record.SysctlChanged {
			out[a.Key] = *a.Value
		}
	}
	return out
}

// spec is the scenario as it ran, without what only names it and without settings, of which those in effect count.
func spec(t *record.Trial) any {
	var s any
	if json.Unmarshal(t.Scenario.Spec, &s) != nil {
		return nil
	}
	if m, ok := s.(map[string]any); ok {
		for _, field := range []string{"name", "title", "about", "sysctl", "judge"} {
			delete(m, field)
		}
	}
	return s
}

// differences lists the fields in which two JSON values differ, as "load.rate 200/s and 300/s".
func differences(path string, a, b any) (all []string) {
	x, xok := a.(map[string]any)
	y, yok := b.(map[string]any)
	if !xok || !yok {
		if reflect.DeepEqual(a, b) {
			return nil
		}
		return []string{fmt.Sprintf("%s %s and %s", path, short(a), short(b))}
	}
	keys := slices.Sorted(maps.Keys(x))
	for _, k := range slices.Sorted(maps.Keys(y)) {
		if _, ok := x[k]; !ok {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		below := k
		if path != "" {
			below = path + "." + k
		}
		all = append(all, differences(below, x[k], y[k])...)
	}
	return all
}

func short(v any) string {
	text, ok := v.(string)
	if !ok {
		b, _ := json.Marshal(v)
		text = string(b)
	}
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "..."
	}
	return text
}

// differently says in what variants were made differently beside what they are to show: the machine, the program.
func (x *analysis) differently() (all []record.Warning) {
	if len(x.c.Variants) == 0 || len(x.trials[x.c.Variants[0].Name]) == 0 {
		return nil
	}
	first := x.trials[x.c.Variants[0].Name][0]
	for _, v := range x.c.Variants[1:] {
		if len(x.trials[v.Name]) == 0 {
			continue
		}
		t := x.trials[v.Name][0]
		what := madeDifferently(first, t)
		if !x.c.Plan.Interleaved { // else the scenario differs where a variant says so
			what = append(what, differences("", spec(first), spec(t))...)
		}
		if len(what) == 0 {
			continue
		}
		all = append(all, record.Warning{
			Code:   variantsDiffer,
			Text:   fmt.Sprintf("the variants %s and %s were made differently: %s", x.c.Variants[0].Name, v.Name, strings.Join(what, "; ")),
			Advice: "what is different may come from that as well",
		})
	}
	return all
}

func madeDifferently(a, b *record.Trial) (what []string) {
	for _, d := range []struct{ name, a, b string }{
		{"kernel", a.Environment.Kernel, b.Environment.Kernel},
		{"processor", a.Environment.CPUModel, b.Environment.CPUModel},
		{"processors", figure(float64(a.Environment.CPUs)), figure(float64(b.Environment.CPUs))},
		{"program", a.Tool, b.Tool},
		{"scenario", a.Scenario.Name, b.Scenario.Name},
	} {
		if d.a != d.b {
			what = append(what, fmt.Sprintf("%s %s and %s", d.name, d.a, d.b))
		}
	}
	return what
}

// apart says that the variants did not take turns.
func (x *analysis) apart() []record.Warning {
	if x.c.Plan.Interleaved || len(x.c.Variants) < 2 {
		return nil
	}
	return []record.Warning{{
		Code: notInterleaved,
		Text: "the trials of the variants did not take turns: whatever changed in between is in the difference, too",
		Advice: "counts are compared as they are; times are compared by boot, of which each side needs several: " +
			"twomsl compare runs variants in turns",
	}}
}

// byLineNotes says what is not judged line by line.
func (x *analysis) byLineNotes() []record.Warning {
	noisy := noisyOf(x.primary)
	if !x.c.Plan.ByLine || len(noisy) == 0 || len(noisy) == len(x.primary) {
		return nil
	}
	return []record.Warning{{
		Code:   countsOnly,
		Text:   "lines are judged by what is counted: " + strings.Join(noisy, ", ") + " would take more trials of each line",
		Advice: "compare the line that helps on its own, without --by-line",
	}}
}
