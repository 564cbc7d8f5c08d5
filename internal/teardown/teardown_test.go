package teardown

import (
	"strings"
	"testing"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// each calls f with every strategy that a matrix would try.
func each(t *testing.T, f func(t *testing.T, c scenario.Close, s Strategy)) {
	for _, k := range Kinds() {
		for _, argument := range k.Samples {
			for _, side := range k.Sides {
				c := scenario.Close{Side: side, How: How(k, argument)}
				t.Run(string(c.How)+" by "+string(side), func(t *testing.T) {
					s, err := For(c)
					if err != nil {
						t.Fatal(err)
					}
					f(t, c, s)
				})
			}
		}
	}
}

// Whatever is added later: it says what it is, each side ends once and at the end, and no shares contradict each other.
func TestStrategiesAreWellFormed(t *testing.T) {
	names := map[string]bool{}
	for _, k := range Kinds() {
		if names[k.Name] || k.Name == "" || k.About == "" || !strings.HasPrefix(k.Usage, k.Name) || len(k.Samples) == 0 || len(k.Sides) == 0 {
			t.Errorf("%+v", k)
		}
		names[k.Name] = true
	}
	each(t, func(t *testing.T, c scenario.Close, s Strategy) {
		for _, steps := range [][]Step{s.Client, s.Server} {
			for i, step := range steps {
				if last := i == len(steps)-1; last != step.Ends() {
					t.Errorf("step %d of %v", i, steps)
				}
			}
		}
		x := s.Expect
		some := x.Client.States[record.TimeWait] == record.Some
		if some != (x.Server.States[record.TimeWait] == record.Some) {
			t.Errorf("TIME_WAIT %+v", x)
		}
		if s.How != c.How {
			t.Errorf("is called %q", s.How)
		}
		for _, d := range []record.Declared{x.Client, x.Server} {
			for state := range d.States {
				known(t, "state", judgedStates, state)
			}
			for counter := range d.Counters {
				known(t, "counter", JudgedCounters, counter)
			}
		}
	})
}

// known holds a declaration to what is judged: one of something else would hold whatever the kernel does.
func known[T comparable](t *testing.T, what string, all []T, one T) {
	for _, k := range all {
		if k == one {
			return
		}
	}
	t.Errorf("the %s %v is declared and not judged", what, one)
}

// The side named does what is asked for, and the mirror image is the same with the sides exchanged.
func TestSidesAreMirrorImages(t *testing.T) {
	each(t, func(t *testing.T, c scenario.Close, s Strategy) {
		if c.Side != scenario.ClientSide {
			return
		}
		m, err := For(scenario.Close{Side: scenario.ServerSide, How: c.How})
		if err != nil {
			t.Fatal(err)
		}
		if !same(s.Client, m.Server) || !same(s.Server, m.Client) {
			t.Errorf("client: %v / %v, server: %v / %v", s.Client, s.Server, m.Client, m.Server)
		}
		if len(s.Client) == 0 || same(s.Client, s.Server) {
			t.Errorf("both sides do %v", s.Client)
		}
	})
}

func same(a, b []Step) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestWhatIsNoWayToCloseIsSaid(t *testing.T) {
	for _, c := range []struct {
		how  scenario.How
		side scenario.Side
		want string
	}{
		{"finn", "client", `"finn" is no way to close; there are: fin, graceful[=TIME], half, leak`},
		{"fin=3", "client", `"fin=3": it takes no argument; it is written fin`},
		{"fin=", "client", `"fin=" has nothing after the =`},
		{"fin", "nobody", `"fin" cannot be done by "nobody"; allowed for close.side: client, server, both`},
		{"half", "both", `"half" cannot be done by "both"; allowed for close.side: client, server`},
		{"simultaneous", "client", `allowed for close.side: both`},
		{"linger=-2", "client", `"linger=-2": "-2" is no linger`},
		{"linger", "client", `"linger": "" is no linger`},
		{"linger=3601", "server", `no linger`},
		{"linger2=0", "client", `no TCP_LINGER2`},
		{"linger2=61", "client", `seconds from 1 to 60`},
		{"graceful=5", "client", `"5" is no duration`},
		{"graceful=0s", "client", `0s is not possible: 1ms to 5m`},
		{"unread=1", "server", `it takes no argument`},
	} {
		_, err := For(scenario.Close{Side: c.side, How: c.how})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s by %s: %v, expected ... %s ...", c.how, c.side, err, c.want)
		}
	}
}

// Every state that a socket can stand in has a recipe.
func TestEveryStateHasARecipe(t *testing.T) {
	type way struct {
		state      record.State
		fromServer bool
	}
	has, ways := map[record.State]bool{}, map[way]bool{}
	for _, r := range Recipes {
		if w := (way{r.State, r.FromServer}); ways[w] {
			t.Errorf("two recipes for %+v", w)
		} else {
			ways[w] = true
		}
		has[r.State] = true
		if r.How == "" {
			t.Errorf("%s: nobody says how it is held", r.State)
		}
		if last := r.Client[len(r.Client)-1]; !last.Ends() {
			t.Errorf("%s: the client does not end", r.State)
		}
	}
	for _, s := range record.States {
		if s != record.Closed && s != record.Listen && !has[s] {
			t.Errorf("%s has no recipe", s)
		}
	}
}
