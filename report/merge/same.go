package merge

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"twomsl/internal/record"
)

// mostDifferences is how many of them an error names.
const mostDifferences = 5

// kin tells why the records are not of one run, by the first two of which that is so.
func kin(in []Input) error {
	for _, one := range in {
		if err := isShard(one); err != nil {
			return err
		}
	}
	for _, one := range in[1:] {
		if differ := differences(in[0].Trial.Shard, one.Trial.Shard); len(differ) > 0 {
			return apartFrom(in[0], one, differ)
		}
	}
	if err := oneRecipe(in); err != nil {
		return err
	}
	byID := map[string]Input{}
	for _, one := range in {
		other, twice := byID[one.Trial.ID]
		if twice && !reflect.DeepEqual(one.Trial, other.Trial) {
			return fmt.Errorf("%s and %s are both called %s, and are not the same: one of them was changed", other.Name, one.Name, one.Trial.ID)
		}
		byID[one.Trial.ID] = one
	}
	return nil
}

func apartFrom(a, b Input, differ []string) error {
	if more := len(differ) - mostDifferences; more > 0 {
		differ = append(differ[:mostDifferences], fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%s and %s are not of one run: %s", a.Name, b.Name, strings.Join(differ, "; "))
}

// oneRecipe wants the same settings to have been asked for on all hosts: they are no part of the scenario. One that failed may
// not have come so far.
func oneRecipe(in []Input) error {
	var first *Input
	for i := range in {
		switch {
		case in[i].Trial.Status == record.Failed:
		case first == nil:
			first = &in[i]
		default:
			x, y := recipeOf(first.Trial), recipeOf(in[i].Trial)
			if differ := differing(x, y); len(differ) > 0 {
				return apartFrom(*first, in[i], differ)
			}
		}
	}
	return nil
}

func recipeOf(t *record.Trial) map[string]any {
	out := map[string]any{}
	for name, side := range map[string]*record.Side{"client": &t.Sides.Client, "server": &t.Sides.Server} {
		for _, a := range side.Sysctls.Asked {
			out["sides."+name+".sysctls.asked."+a.Key] = a.Asked
		}
	}
	return out
}

// isShard wants the record of a share, of the kind that can be shared.
func isShard(one Input) error {
	t := one.Trial
	switch {
	case t == nil:
		return fmt.Errorf("%s is no record", one.Name)
	case t.Merged != nil:
		return fmt.Errorf("%s is merged already: name the records of its shards, which are %s", one.Name, idsOf(t.Merged))
	case t.Shard == nil:
		return fmt.Errorf("%s is no shard's record: it was run whole; `twomsl run --shard K/N` makes shards", one.Name)
	case t.Relay != nil || t.Stand != nil || t.ClientCommand != nil || t.Canaries != nil || t.CallCosts != nil:
		return fmt.Errorf("%s says that it is a shard and has what no shard has: a relay, a stand, a client's command, canaries or call costs", one.Name)
	}
	if err := t.Check(); err != nil {
		return fmt.Errorf("record %s contradicts itself: %w", one.Name, err)
	}
	return nil
}

func idsOf(m *record.Merged) string {
	var ids []string
	for _, s := range m.Shards {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, ", ")
}

// differences lists by what two shards are not of one run.
func differences(a, b *record.Shard) []string {
	out := differing(map[string]any{"run_id": a.RunID, "shard.of": a.Of}, map[string]any{"run_id": b.RunID, "shard.of": b.Of})
	if len(out) > 0 {
		out = append(out, differing(map[string]any{"start_at": said(a.StartAt)}, map[string]any{"start_at": said(b.StartAt)})...)
	}
	return append(out, differing(flat(a.Whole.Scenario), flat(b.Whole.Scenario))...)
}

// differing names the paths, in order, at which two are not the same.
func differing(x, y map[string]any) (out []string) {
	keys := maps.Clone(x)
	maps.Copy(keys, y)
	for _, path := range slices.Sorted(maps.Keys(keys)) {
		if !reflect.DeepEqual(x[path], y[path]) {
			out = append(out, fmt.Sprintf("%s is %v and %v", path, shown(x[path]), shown(y[path])))
		}
	}
	return out
}

func said(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func shown(v any) any {
	switch v := v.(type) {
	case nil:
		return "not said"
	case string:
		if len(v) > 60 {
			v = strings.ToValidUTF8(v[:60], "") + "..."
		}
		return fmt.Sprintf("%q", v)
	}
	return v
}

// flat gives a scenario's fields by their paths.
func flat(s record.Scenario) map[string]any {
	out := map[string]any{
		"name": s.Name, "topology": s.Topology, "family": s.Family, "close.side": s.CloseSide, "close.linger": s.Linger, "struck": s.Struck,
	}
	var doc any
	if json.Unmarshal(s.Spec, &doc) == nil {
		flatten(out, "", doc)
	}
	return out
}

func flatten(out map[string]any, path string, v any) {
	fields, object := v.(map[string]any)
	if !object {
		out[path] = v
		return
	}
	for name, one := range fields {
		if path != "" {
			name = path + "." + name
		}
		flatten(out, name, one)
	}
}
