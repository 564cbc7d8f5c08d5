package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"twomsl/internal/recipe"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// sides are settings for each side.
type sides = record.SidePair[[]sysctl.Setting]

const (
	sourceDefault = "default"
	sourceHost    = "host"
)

// variant is one that the command line names.
type variant struct {
	record.Variant
	settings sides
	relay    []sysctl.Setting // those for a relay
	relayed  bool             // the scenario has one
	toRelay  bool             // some settings are for it alone
	host     bool             // this host's settings are copied
}

// named reads --before, --variant and --after, in this order. The first is what the others are held against.
func (f *compareFlags) named() ([]*variant, error) {
	var out []*variant
	var wrong []error
	read := &reader{files: map[string][]sysctl.Setting{}, bad: map[string]error{}}
	one := func(flag, name, items string) {
		v := find(&out, name)
		for item := range strings.SplitSeq(items, ",") {
			if err := v.item(strings.TrimSpace(item), read); err != nil {
				wrong = append(wrong, usage("%s %w", flag, err))
			}
		}
	}
	if f.before != "" {
		one("--before", "before", f.before)
	}
	for _, text := range f.variants {
		name, items, ok := strings.Cut(text, "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, ":/") {
			wrong = append(wrong, usage("--variant %q: write NAME=ITEM,..., like fast=close.how=linger=0 or tuned=my.conf", text))
			continue
		}
		one("--variant", name, items)
	}
	if f.after != "" {
		one("--after", "after", f.after)
	}
	if f.before == "" && len(out) == 1 { // one change, against the scenario as it is
		v := &variant{Variant: record.Variant{Name: "before", Source: sourceDefault}}
		if out[0].Name == v.Name {
			v.Name = "as-it-is"
		}
		out = slices.Insert(out, 0, v)
	}
	if len(wrong) == 0 {
		wrong = append(wrong, f.enough(out))
	}
	return out, allOf(wrong...)
}

// find gives the variant of that name, a new one where there is none: one that is named twice is told in parts.
func find(all *[]*variant, name string) *variant {
	for _, v := range *all {
		if v.Name == name {
			return v
		}
	}
	v := &variant{Variant: record.Variant{Name: name}}
	*all = append(*all, v)
	return v
}

// enough tells a comparison that has nothing to compare.
func (f *compareFlags) enough(all []*variant) error {
	switch {
	case len(all) < 2:
		return usage("nothing to compare: name the change with --after FILE or --variant NAME=ITEM "+
			"(recipes that come with the program: %s)", strings.Join(recipe.Files(), ", "))
	case f.byLine && (len(f.variants) > 0 || f.after == ""):
		return usage("--by-line takes one file of settings apart: name it with --after, and no --variant")
	case f.byLine:
		after := all[len(all)-1]
		if len(after.Set) > 0 || len(after.settings.Client)+len(after.settings.Server) == 0 {
			return usage("--by-line takes settings apart: --after %s is to be settings alone (--set FIELD=VALUE changes a field of all variants)",
				f.after)
		}
	}
	return nil
}

// item adds one thing to a variant: default, host, a file, a field or a setting.
func (v *variant) item(text string, read *reader) error {
	switch key, _, assigned := strings.Cut(text, "="); {
	case text == "":
		return fmt.Errorf("%s: an item is empty", v.Name)
	case text == sourceDefault:
		v.Source = sourceDefault
		return nil
	case text == sourceHost:
		v.Source, v.host = sourceHost, true
		return nil
	case assigned && isSetting(key):
		side, rest, err := splitSide(text)
		if err != nil {
			return err
		}
		settings, err := oneSetting(rest, len(text)-len(rest))
		if err != nil {
			return fmt.Errorf("%s: %s: %w", v.Name, text, err)
		}
		v.add(side, settings)
		return nil
	case assigned:
		v.Set = append(v.Set, text)
		return nil
	}
	return v.file(text, read)
}

// isSetting tells KEY=VALUE from FIELD=VALUE: a setting names its side, or begins as all that a lab can have do.
func isSetting(key string) bool {
	side, _, err := splitSide(key)
	return err != nil || side != scenario.BothSides || strings.HasPrefix(key, "both:") ||
		strings.HasPrefix(key, "net.") || strings.Contains(key, "/")
}

// file reads settings from [SIDE:]FILE.
func (v *variant) file(text string, read *reader) error {
	side, name, err := splitSide(text)
	if err != nil {
		return err
	}
	settings, err := fileOrRecipe(name, read)
	text = strings.TrimSuffix(text, name) + stdinFor(name)
	switch {
	case errors.Is(err, errSetsNothing):
		return fmt.Errorf("%s: %w", stdinFor(name), err)
	case err != nil:
		return err
	case v.Source == "":
		v.Source = text
	default:
		v.Source += ", " + text
	}
	v.add(side, settings)
	return nil
}

// fileOrRecipe reads a file; what is no file may be a recipe that comes with the program.
func fileOrRecipe(name string, read *reader) ([]sysctl.Setting, error) {
	_, err := os.Stat(name)
	if name == "-" || !errors.Is(err, os.ErrNotExist) {
		return read.file(name)
	}
	if known, there := recipe.Conf(name); there {
		return sysctl.Parse(name, known)
	}
	return nil, fmt.Errorf("%s: no such file; name one in sysctl.conf's form%s (recipes that come with the program: %s)", name,
		scenario.DidYouMean(name, recipe.Files()), strings.Join(recipe.Files(), ", "))
}

// stdinFor is what a file's lines are said to come from.
func stdinFor(name string) string {
	if name == "-" {
		return stdinName
	}
	return name
}

func (v *variant) add(side scenario.Side, settings []sysctl.Setting) {
	v.toRelay = v.toRelay || side == scenario.RelaySide
	addSettings(side, settings, &v.settings, &v.relay)
}

// complete writes the variant's settings down: those that all variants have, its own, and last what --set says of a
// setting, which wins over a recipe.
func (v *variant) complete(common sides, relay []sysctl.Setting, set []string) {
	over, overRelay := overridden(set)
	v.Sysctl.Client = asRecorded(common.Client, v.settings.Client, over.Client)
	v.Sysctl.Server = asRecorded(common.Server, v.settings.Server, over.Server)
	if v.Relay = nil; v.relayed {
		v.Relay = asRecorded(relay, v.relay, overRelay)
	}
}

// overridden finds settings among fields: sysctl.client.net.ipv4.tcp_tw_reuse=1.
func overridden(set []string) (out sides, relay []sysctl.Setting) {
	for _, one := range set {
		field, value, _ := strings.Cut(one, "=")
		rest, isSysctl := strings.CutPrefix(strings.TrimSpace(field), "sysctl.")
		side, key, ok := strings.Cut(rest, ".")
		if !isSysctl || !ok {
			continue
		}
		addSettings(scenario.Side(side), []sysctl.Setting{{Key: key, Value: strings.TrimSpace(value)}}, &out, &relay)
	}
	return out, relay
}

func asRecorded(lists ...[]sysctl.Setting) (out []record.VariantSetting) {
	for _, list := range lists[:2] {
		for _, s := range list {
			out = append(out, record.VariantSetting{Key: s.Key, Value: s.Value, Optional: s.Optional, File: s.File, Line: s.LineNo})
		}
	}
	for _, s := range lists[2] { // the scenario has these already: said again only where a recipe would undo them
		if slices.ContainsFunc(out, func(r record.VariantSetting) bool { return r.Key == s.Key }) {
			out = append(out, record.VariantSetting{Key: s.Key, Value: s.Value})
		}
	}
	return out
}

// problems says whose they are.
func (v *variant) problems(found scenario.Problems) scenario.Problems {
	out := slices.Clone(found)
	for i := range out {
		out[i].Path = strings.TrimPrefix(v.Name+": "+out[i].Path, ": ")
	}
	return out
}
