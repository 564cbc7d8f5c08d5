package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

func firstVariant(c *record.Comparison) []*record.Variant {
	if len(c.Variants) == 0 {
		return nil
	}
	return []*record.Variant{&c.Variants[0]}
}

// trialWords is how many trials stand behind the figures: "3 + 3 trials".
func trialWords(c *record.Comparison) string {
	if len(c.Variants) == 2 {
		return fmt.Sprintf("%s + %s trials", count(int64(c.Variants[0].Counted)), count(int64(c.Variants[1].Counted)))
	}
	n := int64(0)
	for i := range c.Variants {
		n += int64(c.Variants[i].Counted)
	}
	return counted(n, "trial", "trials") + " of " + counted(int64(len(c.Variants)), "variant", "variants")
}

// variantWords names a variant with what it runs with.
func variantWords(v *record.Variant) string {
	name, source := clean(v.Name), sourceWords(v)
	if source == "" {
		return name
	}
	return name + ": " + source
}

// sourceWords says what a variant runs with.
func sourceWords(v *record.Variant) string {
	var parts, named []string
	switch source := clean(v.Source); source {
	case "", clean(v.Name):
	case "default":
		parts = append(parts, "kernel defaults")
	case "host":
		parts = append(parts, "this host's settings")
	default:
		for item := range strings.SplitSeq(v.Source, ", ") {
			file := fileOf(item)
			if where := sidesSet(v, file); where != "" {
				named, item = append(named, file), file+", "+where
			}
			parts = append(parts, clean(item))
		}
	}
	for _, list := range [][]record.VariantSetting{v.Sysctl.Client, v.Sysctl.Server, v.Relay} { // files that all variants have
		for _, s := range list {
			if s.File != "" && !slices.Contains(named, s.File) {
				named, parts = append(named, s.File), append(parts, clean(s.File)+", "+sidesSet(v, s.File))
			}
		}
	}
	for _, set := range v.Set {
		parts = append(parts, clean(set))
	}
	parts = append(parts, inlineWords(v)...)
	switch {
	case len(parts) == 0 && clean(v.Source) == clean(v.Name):
		return ""
	case len(parts) == 0:
		return "the scenario as it is"
	}
	return few(parts)
}

// sidesSet says on which sides a file's lines are.
func sidesSet(v *record.Variant, file string) string {
	has := func(list []record.VariantSetting) bool {
		return slices.ContainsFunc(list, func(s record.VariantSetting) bool { return s.File == file })
	}
	switch c, s, r := has(v.Sysctl.Client), has(v.Sysctl.Server), has(v.Relay); {
	case c && s && r:
		return "all hosts"
	case c && s:
		return "both sides"
	case r:
		return "on the relay"
	case c:
		return "on the client"
	case s:
		return "on the server"
	}
	return ""
}

// fileOf is the file that an item of a variant names: FILE or SIDE:FILE.
func fileOf(item string) string {
	if side, file, ok := strings.Cut(item, ":"); ok && (side == relay || slices.Contains(lineSides, side)) {
		return file
	}
	return item
}

// inlineWords are the settings that come from no file, and are not set again: "KEY=VALUE on the client".
func inlineWords(v *record.Variant) []string {
	inline := func(list []record.VariantSetting) []string {
		var out []string
		for i, s := range list {
			again := slices.ContainsFunc(list[i+1:], func(later record.VariantSetting) bool { return later.Key == s.Key })
			if s.File == "" && !again {
				out = append(out, clean(s.Key)+"="+clean(s.Value))
			}
		}
		return out
	}
	onClient, onServer := inline(v.Sysctl.Client), inline(v.Sysctl.Server)
	var out []string
	for _, one := range common(onClient, onServer) {
		out = append(out, one+" on both sides")
	}
	for _, one := range without(onClient, onServer) {
		out = append(out, one+" on the client")
	}
	for _, one := range without(onServer, onClient) {
		out = append(out, one+" on the server")
	}
	for _, one := range inline(v.Relay) {
		out = append(out, one+" on the relay")
	}
	return out
}

// planned is how many trials count in all, and how many of them there are.
func planned(c *record.Comparison) (done, all int64) {
	for i := range c.Trials {
		if c.Trials[i].Counted {
			done++
		}
	}
	return done, max(done, int64(c.Plan.Trials)*int64(len(c.Variants)))
}

// endingWords says how far a comparison came that is not whole; "" where it is.
func endingWords(c *record.Comparison) string {
	done, all := planned(c)
	far := count(done) + " of " + counted(all, "trial", "trials")
	switch c.Status {
	case record.Interrupted:
		return "Interrupted: " + far + " are done, and kept."
	case record.Failed:
		return "Too many trials failed: " + far + " have figures."
	}
	return ""
}

// resume is what to type to run the trials that are missing; "" where none is or nobody knows where the record lies.
func resume(c *record.Comparison, opt Options) string {
	if c.Status == record.Complete || clean(opt.RecordPath) == "" {
		return ""
	}
	return "twomsl compare --resume " + clean(opt.RecordPath) + elsewhere(clean(c.Command))
}

// elsewhere are the flags of a command that reach a server on another host: they stand in no record.
func elsewhere(command string) (flags string) {
	if !strings.Contains(command, " --server") {
		return ""
	}
	for _, a := range arguments(command) {
		name, _, _ := strings.Cut(strings.ReplaceAll(a, nbsp, " "), " ")
		name, _, _ = strings.Cut(name, "=")
		if slices.Contains([]string{"--server", "--token-file", "--from", "--accept-risk", "--journal"}, name) {
			flags += " " + strings.ReplaceAll(a, nbsp, " ")
		}
	}
	return flags
}

// planWords tell how the trials were laid out, and by what they are judged.
func planWords(c *record.Comparison) []string {
	p := &c.Plan
	parts := []string{fmt.Sprintf("%s of each of %s", count(int64(p.Trials)), counted(int64(len(c.Variants)), "variant", "variants"))}
	if p.WarmUp > 0 {
		parts[0] += fmt.Sprintf(", after %s of each", counted(int64(p.WarmUp), "warm-up", "warm-ups"))
	}
	if p.Interleaved {
		parts = append(parts, fmt.Sprintf("in turns, in the order of seed%s%d", nbsp, p.Seed))
	} else {
		parts = append(parts, "recorded elsewhere, not in turns")
	}
	switch {
	case p.Jobs == 1:
		parts = append(parts, "one lab at a time")
	case p.Jobs > 1:
		parts = append(parts, count(int64(p.Jobs))+nbsp+"labs side by side")
	}
	if c.Seconds > 0 {
		parts = append(parts, "in "+seconds(c.Seconds))
	}
	out := []string{strings.Join(parts, "; ")}
	if names := primaryWords(p); names != "" {
		out = append(out, "by "+names)
	}
	if p.Level > 0 {
		out = append(out, "level "+bare0(times(p.Level, math.Round))+": of 100 comparisons of equal things, at most "+
			bare0(times(100*p.Level, math.Round))+" may be called different")
	}
	return out
}

func primaryWords(p *record.Plan) string {
	var names []string
	for _, name := range p.Primary {
		names = append(names, inText(name))
	}
	return enumerate(names)
}

// failedTrials says why trials have no figures, those of one reason together.
func failedTrials(c *record.Comparison) []string {
	type key struct{ variant, why string }
	var order []key
	n := map[key]int64{}
	for i := range c.Trials {
		t := &c.Trials[i]
		if t.Failure == "" {
			continue
		}
		k := key{clean(t.Variant), clean(t.Failure)}
		if n[k] == 0 {
			order = append(order, k)
		}
		n[k]++
	}
	var out []string
	for _, k := range order {
		out = append(out, counted(n[k], "trial", "trials")+" of "+k.variant+": "+k.why)
	}
	return out
}

// spoiledWords are the metrics that a warning makes unusable.
func spoiledWords(w *record.Warning) string {
	var out []string
	for _, name := range w.Spoils {
		if l := inText(name); !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return enumerate(out)
}
