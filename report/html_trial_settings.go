package report

import (
	"slices"

	"twomsl/internal/record"
)

// trialSettings has what became of the settings of a recipe, what else was changed or could not be, and what was in force
// on either side.
func trialSettings(w *wording, t *record.Trial) *pageSection {
	s := &pageSection{ID: "settings", Title: "Settings"}
	if asked := onceTold(askedOf(t)); len(asked) > 0 {
		table := outcomeTable("Asked for", asked)
		table.Cards = true
		for i := range asked {
			table.Rows[i][0].Small = joined(clean(asked[i].Does), clean(asked[i].Price))
		}
		s.Tables = append(s.Tables, table)
	}
	w.said = nil
	heads, all, values := []string{"setting"}, hostSettings{}, []map[string]string{}
	for _, host := range hosts(t) {
		one := &sideOf(t, host).Sysctls
		heads, values = append(heads, host), append(values, one.Effective)
		all = append(all, ofHost{host, record.Sysctls{
			Changed: unasked(one, one.Changed, changedKey), Refused: unasked(one, one.Refused, refusedKey),
		}})
	}
	all.changed(w)
	all.refused(w)
	s.say(w.said)
	if in := valuesTable(heads, values); len(in.Rows) > 0 {
		in.Caption = "In force"
		s.Folded = append(s.Folded, newPageFold(in)) // two hundred rows: not for paper
	}
	if text := specText(t.Scenario.Spec); text != "" {
		s.Folded = append(s.Folded, pageFold{Summary: "The whole scenario", Code: text})
	}
	return s
}

// askedOf lists what a recipe asked for on either side.
func askedOf(t *record.Trial) (out []*record.ComparedSetting) {
	for _, side := range hosts(t) {
		for _, a := range sideOf(t, side).Sysctls.Asked {
			out = append(out, &record.ComparedSetting{Side: side, SysctlAsked: a})
		}
	}
	return out
}

func changedKey(c record.SysctlChange) string { return c.Key }

func refusedKey(r record.SysctlRefusal) string { return r.Key }

// unasked leaves out what the table of what was asked for tells.
func unasked[T any](s *record.Sysctls, list []T, key func(T) string) []T {
	return slices.DeleteFunc(slices.Clone(list), func(one T) bool {
		return slices.ContainsFunc(s.Asked, func(a record.SysctlAsked) bool { return a.Key == key(one) })
	})
}
