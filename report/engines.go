package report

import (
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/report/compare"
)

// Every report names what drove its connections: an engine's speed and cost are in all that is timed.

// engineRow says why the program chose a trial's engine, and where its workers ran; that an engine was asked for needs no
// words beside the headline.
func engineRow(w *wording, t *record.Trial) {
	why, placed := clean(t.EngineWhy), placement(t)
	switch {
	case why != "" && placed != "":
		w.row("engine", words(chosen(clean(t.Engine), why)+"; "+placed)...)
	case why != "":
		w.row("engine", words(chosen(clean(t.Engine), why))...)
	case placed != "":
		w.row("engine", words(chosen(clean(t.Engine), placed))...)
	}
}

// placement says that each worker had a processor to itself, "" where the kernel placed them.
func placement(t *record.Trial) string {
	if len(t.Spread) == 0 {
		return ""
	}
	return "one worker of either side on each of " + counted(int64(len(t.Spread)), "processor", "processors")
}

// chosen is an engine with the reason for which it was chosen.
func chosen(engine, why string) string {
	if why == "" || engine == "" {
		return engine
	}
	return engine + ": " + why
}

// comparedEngines are those of all variants, each once: by which variants where there are several.
func comparedEngines(c *record.Comparison) string {
	var order []string
	by, why := map[string][]string{}, map[string]string{}
	for i := range c.Variants {
		v := &c.Variants[i]
		for _, engine := range v.Engines {
			if by[engine] == nil {
				order, why[engine] = append(order, engine), clean(v.EngineWhy)
			}
			by[engine] = append(by[engine], clean(v.Name))
		}
	}
	for i, engine := range order {
		if text := clean(engine); len(order) > 1 {
			order[i] = text + " (" + enumerate(by[engine]) + ")"
		} else {
			order[i] = chosen(text, why[engine])
		}
	}
	return strings.Join(order, ", ")
}

// variantEngines are those of a variant by its name.
func variantEngines(c *record.Comparison, name string) string {
	i := slices.IndexFunc(c.Variants, func(v record.Variant) bool { return v.Name == name })
	if i < 0 {
		return ""
	}
	return strings.Join(c.Variants[i].Engines, " ")
}

// engineFields are the columns that say what drove the trials of either variant.
func engineFields(c *record.Comparison) []field[*record.Metric] {
	return []field[*record.Metric]{
		{"before_engine", "what drove the trials of the first variant; several with spaces between them", func(*record.Metric) string {
			if len(c.Variants) == 0 {
				return ""
			}
			return csvText(variantEngines(c, c.Variants[0].Name))
		}},
		{"after_engine", "the same for this variant", func(m *record.Metric) string { return csvText(variantEngines(c, m.Variant)) }},
	}
}

// claimedEngines are those of the trials behind claims.
func claimedEngines(c *record.Claims) string {
	var all []string
	for i := range c.Tests {
		if e := clean(c.Tests[i].Engine); e != "" && !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return strings.Join(all, ", ")
}

// incidentEngines are those of the trials of an incident.
func incidentEngines(i *record.Incident) string {
	return clean(strings.Join(compare.Engines(i.Trials()), ", "))
}

// otherEngines says of a table or a story with several engines what in it is not to be held against each other; "" where
// there is one.
func otherEngines(engines []string) string {
	if len(engines) < 2 {
		return ""
	}
	return "Several engines drove the connections (" + strings.Join(engines, ", ") + "): times, rates and processor time of one " +
		"are not to be held against another's; what the kernel counts is."
}
