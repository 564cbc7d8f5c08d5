package compare

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// The roles of variants in a comparison line by line.
const (
	roleAlone    = "alone"
	roleLeftOut  = "left-out"
	roleTogether = "together"
	both         = "both"
)

// A recipeLine is one line of the recipe on one side.
type recipeLine struct {
	record.VariantSetting
	side  string   // client, server, both
	lists []string // the sides of the variant in which it stands
	label string   // what it is called in the names of variants, without its side
	// overridden tells that a later line sets the same key.
	overridden bool
	// verdict is what became of it where there is nothing to run: already-set or missing.
	verdict, why string
	does, price  string
}

// candidate tells whether the line can change anything at all.
func (l *recipeLine) candidate() bool { return !l.overridden && l.verdict == "" }

// A recipe is the lines that make up the difference between the first two variants, and the variants that show what each
// of them does.
type recipe struct {
	x             *analysis
	before, after *record.Variant // nil where the comparison has them not
	all           []recipeLine
	candidates    []int // indexes in all
}

func newRecipe(x *analysis) *recipe {
	r := &recipe{x: x}
	if len(x.c.Variants) < 2 {
		return r
	}
	r.before, r.after = &x.c.Variants[0], &x.c.Variants[1]
	r.all = linesOf(r.before, r.after, oneNamespace(x.c.Scenario.Topology))
	r.lookUp()
	for i := range r.all {
		if r.all[i].candidate() {
			r.candidates = append(r.candidates, i)
		}
	}
	r.label()
	return r
}

// linesOf lists the lines of a variant, each with its client's before its server's, without those that before begins with,
// too: they hold for all variants. In one namespace for both sides a line that is in both lists is one.
func linesOf(before, v *record.Variant, together bool) []recipeLine {
	var lines []recipeLine
	skip := record.SidePair[int]{
		Client: alike(before.Sysctl.Client, v.Sysctl.Client), Server: alike(before.Sysctl.Server, v.Sysctl.Server),
	}
	if skip.Client == len(v.Sysctl.Client) && skip.Server == len(v.Sysctl.Server) {
		skip.Client, skip.Server = 0, 0 // the same recipe twice
	}
	add := func(side string, settings []record.VariantSetting, skip int) {
		for i, s := range settings {
			if i < skip {
				continue
			}
			// the same line again is the same one as often as it has stood in this side's list before
			nth := 0
			for _, earlier := range settings[skip:i] {
				if earlier == s {
					nth++
				}
			}
			if at := find(lines, s, nth); together && at >= 0 && !slices.Contains(lines[at].lists, side) {
				lines[at].lists = append(lines[at].lists, side)
				continue
			}
			l := recipeLine{VariantSetting: s, side: side, lists: []string{side}}
			if together {
				l.side = both
			}
			lines = append(lines, l)
		}
	}
	add("client", v.Sysctl.Client, skip.Client)
	add("server", v.Sysctl.Server, skip.Server)
	for i := range lines {
		lines[i].overridden = slices.ContainsFunc(lines[i+1:], func(l recipeLine) bool {
			return l.Key == lines[i].Key && l.side == lines[i].side
		})
	}
	return inOrder(lines, v)
}

// alike is with how many of the same settings two lists begin.
func alike(a, b []record.VariantSetting) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func find(lines []recipeLine, s record.VariantSetting, nth int) int {
	for i := range lines {
		if lines[i].VariantSetting != s {
			continue
		}
		if nth == 0 {
			return i
		}
		nth--
	}
	return -1
}

// inOrder puts the server's lines behind the client's same ones.
func inOrder(lines []recipeLine, v *record.Variant) []recipeLine {
	place := func(l recipeLine) int {
		if i := slices.Index(v.Sysctl.Client, l.VariantSetting); i >= 0 {
			return i
		}
		return len(v.Sysctl.Client) + slices.Index(v.Sysctl.Server, l.VariantSetting)
	}
	slices.SortStableFunc(lines, func(a, b recipeLine) int { return place(a) - place(b) })
	return lines
}

// lookUp finds in the trials of all lines what became of each.
func (r *recipe) lookUp() {
	trials := r.x.trials[r.after.Name]
	if len(trials) == 0 {
		return
	}
	for i := range r.all {
		l := &r.all[i]
		var found []record.SysctlAsked
		for _, s := range sidesOf(trials[0]) {
			for _, asked := range s.Sysctls.Asked {
				if asked.Key == l.Key && (l.side == both || l.side == s.name) {
					found = append(found, r.x.fromFirst(s.name, asked))
				}
			}
		}
		l.became(found)
	}
}

// became takes what was found of a key. Where any line of the same key has changed it, the last one does, too.
func (l *recipeLine) became(found []record.SysctlAsked) {
	changed := slices.ContainsFunc(found, func(a record.SysctlAsked) bool { return a.Outcome == record.SysctlChanged })
	for i := len(found) - 1; i >= 0; i-- {
		if a := found[i]; a.Asked == l.Value || i == 0 {
			l.does, l.price = a.Does, a.Price
			switch {
			case a.Outcome == record.SysctlMissing || a.Outcome == record.SysctlHostWide || a.Outcome == record.SysctlRefused:
				l.verdict, l.why = record.Missing, notHad(&a)
			case a.Outcome == record.SysctlAlreadySet && !changed:
				l.verdict, l.why = record.AlreadySet, a.Does
			}
			return
		}
	}
}

// notHad says why a setting could not be had.
func notHad(a *record.SysctlAsked) string {
	var parts []string
	switch a.Outcome {
	case record.SysctlHostWide:
		parts = append(parts, "it exists once for the machine and cannot be set for a lab")
	case record.SysctlRefused:
		parts = append(parts, "the kernel refused the value")
	}
	if a.Reason != "" {
		parts = append(parts, a.Reason)
	}
	if a.GoneSince != "" && !strings.Contains(a.Reason, a.GoneSince) {
		parts = append(parts, "gone since Linux "+a.GoneSince)
	}
	if a.ReplacedBy != "" && !strings.Contains(a.Reason, a.ReplacedBy) {
		parts = append(parts, "replaced by "+a.ReplacedBy)
	}
	if len(parts) == 0 {
		return "this kernel has no such setting"
	}
	return strings.Join(parts, "; ")
}

// label gives each candidate the words that name it: short where that is clear.
func (r *recipe) label() {
	used := map[string]bool{}
	for _, i := range r.candidates {
		l := &r.all[i]
		l.label = strings.TrimPrefix(l.Key, "net.ipv4.") + "=" + l.Value
		if used[l.label+l.side] {
			l.label = fmt.Sprintf("%s=%s (%d)", l.Key, l.Value, i+1)
		}
		used[l.label+l.side] = true
	}
}

// comparisonsByLine is how many pairs of variants share the level: each line alone, left out, and with its other side left
// out. It must not depend on how far the runs have come.
func comparisonsByLine(c *record.Comparison) int {
	lines := 0
	if len(c.Variants) > 1 {
		for _, l := range linesOf(&c.Variants[0], &c.Variants[1], oneNamespace(c.Scenario.Topology)) {
			if !l.overridden {
				lines++
			}
		}
	}
	return 1 + 2*lines + lines/2
}

// A set is some of the candidates, by their places in recipe.candidates, in order.
type set []int

func (r *recipe) whole() set {
	s := make(set, len(r.candidates))
	for i := range s {
		s[i] = i
	}
	return s
}

func (s set) without(out int) set {
	return slices.DeleteFunc(slices.Clone(s), func(i int) bool { return i == out })
}

func (r *recipe) line(candidate int) *recipeLine { return &r.all[r.candidates[candidate]] }

func (l *recipeLine) name() string { return l.label + ", " + l.side }

func (r *recipe) aloneName(i int) string   { return r.line(i).label + " alone, " + r.line(i).side }
func (r *recipe) leftOutName(i int) string { return "without " + r.line(i).name() }

func (r *recipe) togetherName(s set) string {
	var names []string
	for _, i := range s {
		names = append(names, r.line(i).name())
	}
	return "together: " + strings.Join(names, " + ")
}

// variantOf gives the variant that shows what a set does: one that there is, or the one to add. Where nothing but lines is
// set, all lines but one of two is the other one alone, and none at all is before.
func (r *recipe) variantOf(role string, s set) (v record.Variant, there bool) {
	if len(s) == len(r.candidates) {
		return *r.after, true
	}
	plain := len(r.before.Sysctl.Client)+len(r.before.Sysctl.Server) == 0
	if plain && len(s) == 0 {
		return *r.before, true
	}
	if plain && role == roleLeftOut && len(s) == 1 {
		return r.variantOf(roleAlone, s)
	}
	if name := r.nameOf(role, s); name != "" {
		if i := slices.IndexFunc(r.x.c.Variants, func(v record.Variant) bool { return v.Name == name }); i >= 0 {
			return r.x.c.Variants[i], true
		}
		return r.build(role, name, s), false
	}
	return record.Variant{}, false
}

func (r *recipe) nameOf(role string, s set) string {
	switch role {
	case roleAlone:
		return r.aloneName(s[0])
	case roleLeftOut:
		var out []int
		for i := range r.candidates {
			if !slices.Contains(s, i) {
				out = append(out, i)
			}
		}
		if len(out) == 1 {
			return r.leftOutName(out[0])
		}
		return "without " + r.line(out[0]).label + ", both sides"
	}
	return r.togetherName(s)
}

// build makes a variant: left-out is all lines less the keys of those that are out, of which what is set before stays;
// the others are what is set before, and the lines.
func (r *recipe) build(role, name string, s set) record.Variant {
	base := r.before
	if role == roleLeftOut {
		base = r.after
	}
	v := record.Variant{Name: name, Source: r.after.Source, Role: role, Set: slices.Clone(base.Set), Spec: base.Spec}
	for _, side := range []string{"client", "server"} {
		var settings []record.VariantSetting
		if role == roleLeftOut {
			settings = r.leave(side, s)
		} else {
			settings = slices.Clone(listOf(r.before, side))
			for _, i := range s {
				if l := r.line(i); slices.Contains(l.lists, side) {
					settings = append(settings, l.VariantSetting)
				}
			}
		}
		*listAt(&v, side) = settings
	}
	return v
}

// leave gives a side's settings of all lines without the keys of those that are not in s.
func (r *recipe) leave(side string, s set) (settings []record.VariantSetting) {
	out := map[string]bool{}
	for i := range r.candidates {
		if l := r.line(i); !slices.Contains(s, i) && (l.side == side || l.side == both) {
			out[l.Key] = true
		}
	}
	for _, b := range listOf(r.before, side) {
		if out[b.Key] {
			settings = append(settings, b)
		}
	}
	for _, a := range listOf(r.after, side) {
		if !out[a.Key] {
			settings = append(settings, a)
		}
	}
	return settings
}

func listAt(v *record.Variant, side string) *[]record.VariantSetting {
	if side == "client" {
		return &v.Sysctl.Client
	}
	return &v.Sysctl.Server
}

func listOf(v *record.Variant, side string) []record.VariantSetting { return *listAt(v, side) }
