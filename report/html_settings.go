package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// settingsSection has what became of every setting that was asked for, and what was in force on either side.
func settingsSection(c *record.Comparison) *pageSection {
	s := &pageSection{ID: "settings", Title: "Settings"}
	for i := range c.Variants {
		v := &c.Variants[i]
		if t := askedTable(c, v); len(t.Rows) > 0 {
			if c.Plan.ByLine && v.Role != "before" && v.Role != "after" {
				s.Folded = append(s.Folded, newPageFold(t))
			} else {
				s.Tables = append(s.Tables, t)
			}
		}
	}
	for _, side := range sides {
		if t := effectiveTable(c, side); len(t.Rows) > 0 {
			t.Caption = "In force on the " + side
			fold := newPageFold(t)
			fold.Print = true
			s.Folded = append(s.Folded, fold)
		}
	}
	if text := specText(c.Scenario.Spec); text != "" {
		s.Folded = append(s.Folded, pageFold{Summary: "The whole scenario that all variants start from", Code: text})
	}
	for i := range c.Variants {
		v := &c.Variants[i]
		if len(v.Set) > 0 {
			var set []string
			for _, one := range v.Set {
				set = append(set, clean(one))
			}
			s.pair(clean(v.Name)+" changes", strings.Join(set, ", "))
		}
	}
	return s
}

func askedTable(c *record.Comparison, v *record.Variant) pageTable {
	var list []toldSetting
	for i := range c.Settings {
		if a := &c.Settings[i]; a.Variant == v.Name {
			list = append(list, toldSetting{a, clean(a.Side)})
		}
	}
	return outcomeTable("Asked for by "+clean(v.Name), list)
}

// outcomeTable tells what became of settings that were asked for.
func outcomeTable(caption string, list []toldSetting) pageTable {
	t := newPageTable(caption, "setting", "side", "asked", "default", "before", "in force", "outcome")
	for _, a := range list {
		out := markCell(a.outcome(), a.mood())
		out.Small = a.lacking()
		t.row(codeCell(a.key()), cell(a.side), codeCell(clean(a.Asked)), valueCell(a.Default), valueCell(a.Before), valueCell(a.Value), out)
	}
	return t
}

// valueCell is a setting's value; a gap where it could not be read.
func valueCell(v *string) pageCell {
	if v == nil {
		return cell(gap)
	}
	return codeCell(clean(*v))
}

// effectiveTable has a side's settings in every variant that is told.
func effectiveTable(c *record.Comparison, side string) pageTable {
	heads, columns := []string{"setting"}, []map[string]string{}
	for i := range c.Variants {
		v := &c.Variants[i]
		if c.Plan.ByLine && v.Role != "before" && v.Role != "after" {
			continue
		}
		of := v.Effective.Client
		if side == server {
			of = v.Effective.Server
		}
		heads, columns = append(heads, clean(v.Name)), append(columns, of)
	}
	return valuesTable(heads, columns)
}

// valuesTable sets the values of settings side by side, those that differ first.
func valuesTable(heads []string, columns []map[string]string) pageTable {
	keys := map[string]bool{}
	for _, of := range columns {
		for k := range of {
			keys[k] = true
		}
	}
	t := newPageTable("", heads...)
	for _, differ := range []bool{true, false} {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			cells := []pageCell{codeCell(clean(key))}
			differs := false
			for _, of := range columns {
				value, known := of[key]
				if differs = differs || value != columns[0][key]; known {
					cells = append(cells, codeCell(clean(value)))
				} else {
					cells = append(cells, cell(gap))
				}
			}
			if differs == differ {
				t.row(cells...)
			}
		}
	}
	return t
}

// specText writes a resolved scenario so that people can read it.
func specText(spec json.RawMessage) string {
	var b bytes.Buffer
	if len(spec) == 0 || json.Indent(&b, spec, "", "  ") != nil {
		return ""
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		kept := strings.TrimLeft(l, " ")
		lines[i] = strings.Repeat(" ", len(l)-len(kept)) + clean(kept)
	}
	return strings.Join(lines, "\n")
}
