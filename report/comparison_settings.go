package report

import (
	"slices"
	"strings"

	"twomsl/internal/record"
)

// toldSetting is what became of a setting, with the sides that it is alike on.
type toldSetting struct {
	*record.ComparedSetting
	side string // client, server or both
}

// settingsOf are the settings of the variants that are told.
func settingsOf(c *record.Comparison) []toldSetting {
	var out []toldSetting
	for _, v := range toldVariants(c) {
		var list []*record.ComparedSetting
		for i := range c.Settings {
			if s := &c.Settings[i]; s.Variant == v.Name {
				list = append(list, s)
			}
		}
		out = append(out, onceTold(list)...)
	}
	return out
}

// onceTold tells what is alike on both sides once.
func onceTold(list []*record.ComparedSetting) []toldSetting {
	var out []toldSetting
	for _, s := range list {
		at := slices.IndexFunc(out, func(o toldSetting) bool {
			return o.side != s.Side && o.side != "both" && sameOutcome(o.ComparedSetting, s)
		})
		if at >= 0 {
			out[at].side = "both"
			continue
		}
		out = append(out, toldSetting{s, clean(s.Side)})
	}
	return out
}

// sameOutcome tells whether the same became of a setting on two sides.
func sameOutcome(a, b *record.ComparedSetting) bool {
	x, y := a.SysctlAsked, b.SysctlAsked
	same := sameText(x.Default, y.Default) && sameText(x.Before, y.Before) && sameText(x.Value, y.Value)
	x.Default, x.Before, x.Value, y.Default, y.Before, y.Value = nil, nil, nil, nil, nil, nil
	return same && x == y
}

func sameText(a, b *string) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

func (t *toldSetting) key() string { return clean(t.Key) }

func (t *toldSetting) value(v *string) string {
	if v == nil {
		return gap
	}
	return clean(*v)
}

// where says on which side, and of which variant where several are told.
func (t *toldSetting) where(c *record.Comparison) string {
	text := ""
	if t.side != "both" {
		text = " " + onSide(t.side)
	}
	if len(toldVariants(c)) > 1 {
		text += " in " + clean(t.Variant)
	}
	return text
}

// outcome is what became of it, in a word or two.
func (t *toldSetting) outcome() string {
	switch t.Outcome {
	case record.SysctlChanged:
		if t.Value != nil && clean(*t.Value) != clean(t.Asked) {
			return "changed, but not to what was asked"
		}
		return "changed"
	case record.SysctlAlreadySet:
		return "already set"
	case record.SysctlMissing:
		return "missing"
	case record.SysctlHostWide:
		return "host-wide"
	}
	return clean(t.Outcome)
}

func (t *toldSetting) mood() style {
	switch t.Outcome {
	case record.SysctlMissing, record.SysctlHostWide, record.SysctlRefused:
		return yellow
	}
	return plain
}

// lacking says why a setting could not be had: since when it is gone, and what took its place; "" where it could.
func (t *toldSetting) lacking() string {
	said := ""
	switch t.Outcome {
	case record.SysctlMissing:
		said = "not in this kernel"
	case record.SysctlHostWide:
		said = "there is one for the whole machine"
	case record.SysctlRefused:
		said = "the kernel refused it"
	default:
		return ""
	}
	reason := clean(t.Reason)
	parts := []string{reason}
	if reason == "" {
		parts[0] = said
	}
	if since := clean(t.GoneSince); since != "" && !strings.Contains(reason, since) {
		parts = append(parts, "gone since Linux "+strings.TrimPrefix(since, "Linux "))
	}
	if now := clean(t.ReplacedBy); now != "" && !strings.Contains(reason, now) {
		parts = append(parts, "now "+now)
	}
	if t.Optional {
		parts = append(parts, "marked as optional")
	}
	return strings.Join(parts, "; ")
}
