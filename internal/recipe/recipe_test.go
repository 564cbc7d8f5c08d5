package recipe

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/scenario"
)

func TestTheLibrary(t *testing.T) {
	want := []string{
		"conntrack-2009.conf", "four-lines.conf", "squid-eight.before.conf", "squid-eight.conf", "three-lines.conf",
	}
	if diff := cmp.Diff(want, Files()); diff != "" {
		t.Error(diff)
	}
	want = []string{
		"conntrack-2009", "four-lines", "four-lines-server", "squid-eight", "squid-eight-as-published", "three-lines",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Error(diff)
	}
}

// Every ready comparison names a scenario that its changes fit, and recipes that there are.
func TestReadyComparisonsAreSound(t *testing.T) {
	for _, name := range Names() {
		r, found, err := Find(name)
		if err != nil || !found {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Name != name || r.Title == "" || r.About == "" {
			t.Errorf("%s: name %q, title %q, about %q", name, r.Name, r.Title, r.About)
		}
		for _, conf := range []string{r.Before, r.After} {
			if _, there := Conf(conf); !there && conf != "default" {
				t.Errorf("%s: there is no recipe %s", name, conf)
			}
		}
		if slices.Contains(scenario.Names(), name) {
			t.Errorf("%s is also the name of a scenario", name)
		}
		s, err := scenario.Find(r.Scenario)
		if err == nil {
			s, err = s.With(r.Set)
		}
		if err == nil {
			err = s.Resolve().Check(scenario.Known{})
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each published recipe is in a ready comparison.
func TestEveryRecipeIsCompared(t *testing.T) {
	var used []string
	for _, name := range Names() {
		r, _, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		used = append(used, r.Before, r.After)
	}
	for _, file := range Files() {
		if !slices.Contains(used, file) {
			t.Errorf("%s is in no comparison", file)
		}
	}
}

func TestConfTakesEitherName(t *testing.T) {
	with, ok := Conf("four-lines.conf")
	without, also := Conf("four-lines")
	if !ok || !also || string(with) != string(without) || !strings.Contains(string(with), "tcp_tw_recycle = 1") {
		t.Errorf("%q, %q", with, without)
	}
	if _, ok := Conf("no-lines.conf"); ok {
		t.Error("a recipe that does not exist was found")
	}
	if _, found, _ := Find("no-lines"); found {
		t.Error("a comparison that does not exist was found")
	}
}
