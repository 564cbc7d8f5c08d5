package record

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"time"
)

// ReproductionSchema names the layout of a reproduction's record.
const ReproductionSchema = "twomsl/reproduction/v1"

// Reproduction is a table of states that somebody pasted, and the same mix of sockets standing in a lab.
type Reproduction struct {
	Schema    string    `json:"schema"`     // twomsl/reproduction/v1
	ID        string    `json:"id"`         // reproduction, date, time and a random part, also the file's name
	Tool      string    `json:"tool"`       // the program and its version
	Status    Status    `json:"status"`     // complete, interrupted or failed
	StartedAt time.Time `json:"started_at"` // UTC
	Command   string    `json:"command"`    // what to type to repeat it
	Source    Pasted    `json:"source"`
	// Scale is what the table's counts were multiplied with.
	Scale float64 `json:"scale"`
	// Clients is how many remote hosts the connections in TIME_WAIT were made to or from, Closer which end of them closed
	// first: server or client. The struck host is that end.
	Clients int    `json:"clients"`
	Closer  string `json:"closer"`
	// Asked is what was to stand on the struck host, by state; Standing what stood at the end of the hold; nil where it was
	// not counted. Listeners that the table does not name are not judged: connections need one.
	Asked    Counts `json:"asked"`
	Standing Counts `json:"standing"`
	// States has each state with its whole hold, in the order of a connection's life.
	States []ReproducedState `json:"states"`
	// WorstDeviation is the greatest difference from what was asked for, of any state at any look of the hold, as a share
	// of what was asked for in that state (0.01 is 1 %); nil where it was not counted. WorstSockets is the greatest in
	// sockets.
	WorstDeviation *float64 `json:"worst_deviation"`
	WorstSockets   *int64   `json:"worst_sockets"`
	// Holds tells whether every state was as asked for at every look: within 1 %, and exact below 100; nil where that was
	// not seen for the whole hold.
	Holds *bool `json:"holds"`
	// HeldSeconds is how long it was held, HoldSeconds how long it was to be, ReachedSeconds when all stood for the first
	// time; nil where they never did. Looks is how many counts the hold has.
	HeldSeconds    float64  `json:"held_seconds"`
	HoldSeconds    float64  `json:"hold_seconds"`
	ReachedSeconds *float64 `json:"reached_seconds"`
	Looks          int      `json:"looks"`
	// Trial is the whole trial in which they stood.
	Trial *Trial `json:"trial"`
}

// Pasted is where a table came from and what was read of it.
type Pasted struct {
	Name  string `json:"name"`  // the file, an incident that comes with the program, or - for standard input
	Title string `json:"title"` // of such an incident; "" else
	Kind  string `json:"kind"`  // counts by state, a listing of ss ...
	// Counts are the table's own. Closed were in no state of a connection (CLOSED, UNKNOWN) and are left out of all else.
	Counts Counts `json:"counts"`
	Closed int64  `json:"closed"`
	// PassedOver is how many lines were no rows.
	PassedOver int `json:"passed_over"`
}

// ReproducedState is one state of a reproduction, with what was seen over the hold.
type ReproducedState struct {
	State    State  `json:"state"`
	Pasted   int64  `json:"pasted"`
	Asked    int64  `json:"asked"`
	Standing *int64 `json:"standing"` // at the end of the hold
	Least    *int64 `json:"least"`
	Most     *int64 `json:"most"`
	// Holds is as Reproduction's, of this state; nil also for listeners that the table does not name.
	Holds *bool  `json:"holds"`
	How   string `json:"how"` // how it is held
}

// tolerance is how far a state may be off: 1 %, and nothing below 100.
func tolerance(asked int64) int64 {
	if asked < 100 {
		return 0
	}
	return asked / 100
}

// Reproduced fills in what the trial showed, from the source and what was asked for.
func (r *Reproduction) Reproduced(t *Trial) {
	r.Trial, r.Status = t, t.Status
	st := t.Stand
	if st == nil {
		return
	}
	r.HeldSeconds, r.Looks, r.ReachedSeconds = st.HeldSeconds, st.Looks, st.Reached
	seen := st.Looks > 0 && st.Standing != nil && st.Least != nil && st.Most != nil
	if seen {
		r.Standing = maps.Clone(st.Standing)
		r.WorstDeviation, r.WorstSockets = new(float64), new(int64)
		holds := t.Status == Complete
		r.Holds = &holds
	}
	for _, state := range States {
		one := ReproducedState{State: state, Pasted: r.Source.Counts[state], Asked: r.Asked[state], How: st.How[state]}
		if seen {
			r.judge(st, &one)
		}
		if _, named := r.Asked[state]; named || one.Pasted > 0 || one.Most != nil && *one.Most > 0 {
			r.States = append(r.States, one)
		}
	}
	if r.Holds != nil && t.Status != Complete && *r.WorstDeviation == 0 {
		r.Holds = nil // as far as it was seen, which was not to its end
	}
}

// judge holds what was seen of a state to what was asked for.
func (r *Reproduction) judge(st *Stand, one *ReproducedState) {
	standing, least, most := st.Standing[one.State], st.Least[one.State], st.Most[one.State]
	one.Standing, one.Least, one.Most = &standing, &least, &most
	if _, named := r.Asked[one.State]; !named && (one.State == Listen || one.State == Closed) {
		least, most = standing, standing // nobody counted it over the hold
		return
	}
	off := max(most-one.Asked, one.Asked-least, standing-one.Asked, one.Asked-standing)
	*r.WorstSockets = max(*r.WorstSockets, off)
	*r.WorstDeviation = max(*r.WorstDeviation, float64(off)/float64(max(1, one.Asked)))
	holds := off <= tolerance(one.Asked)
	one.Holds = &holds
	if !holds {
		*r.Holds = false
	}
}

// Check tells everything by which r contradicts itself or the documented ranges, as Trial's does.
func (r *Reproduction) Check() error {
	var c checker
	if r.Schema != "" && r.Schema != ReproductionSchema {
		c.add("schema", "is %q, not %s", r.Schema, ReproductionSchema)
	}
	if err := checkID(r.ID); err != nil {
		c.add("id", "%v", err)
	}
	c.statusName(r.Status)
	c.counts("source.counts", r.Source.Counts)
	c.count("source.closed", r.Source.Closed)
	c.counts("asked", r.Asked)
	c.counts("standing", r.Standing)
	c.seconds("scale", r.Scale)
	c.side("closer", r.Closer)
	c.count("clients", int64(r.Clients))
	c.count("looks", int64(r.Looks))
	c.seconds("held_seconds", r.HeldSeconds)
	c.seconds("hold_seconds", r.HoldSeconds)
	c.secondsPtr("reached_seconds", r.ReachedSeconds)
	c.secondsPtr("worst_deviation", r.WorstDeviation)
	c.countPtr("worst_sockets", r.WorstSockets)
	for i := range r.States {
		c.reproducedState(fmt.Sprintf("states[%d]", i), &r.States[i])
	}
	if r.Trial == nil {
		c.add("trial", "is missing")
	} else if err := r.Trial.Check(); err != nil {
		c.add("trial", "contradicts itself: %v", err)
	}
	return c.err()
}

func (c *checker) reproducedState(path string, s *ReproducedState) {
	if !slices.Contains(States, s.State) {
		c.add(path+".state", "is %q, which is no state", s.State)
	}
	c.count(path+".pasted", s.Pasted)
	c.count(path+".asked", s.Asked)
	c.countPtr(path+".standing", s.Standing)
	c.countPtr(path+".least", s.Least)
	c.countPtr(path+".most", s.Most)
	if s.Least != nil && s.Most != nil && *s.Least > *s.Most {
		c.add(path+".least", "is %d, more than the most, %d", *s.Least, *s.Most)
	}
}

// WriteReproduction keeps r as DIR/ID.json and returns that path, in all as Write does.
func WriteReproduction(dir string, r *Reproduction) (path string, err error) {
	return write(dir, r.ID, EncodeReproduction, r)
}

// EncodeReproduction gives the JSON that WriteReproduction keeps. It leaves r as it is.
func EncodeReproduction(r *Reproduction) ([]byte, error) {
	n := normalReproduction(r)
	if n.Schema == "" {
		n.Schema = ReproductionSchema
	}
	return encode(n)
}

// ReadReproduction gives the reproduction in the file at path.
func ReadReproduction(path string) (*Reproduction, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read record: %w", err)
	}
	return DecodeReproduction(path, data)
}

// DecodeReproduction gives the reproduction that data holds, with the promises of Decode.
func DecodeReproduction(name string, data []byte) (*Reproduction, error) {
	return decode(name, data, ReproductionSchema, normalReproduction)
}

// normalReproduction gives a copy of r in which the lists that are always known are never nil.
func normalReproduction(r *Reproduction) *Reproduction {
	n := *r
	n.States, n.Asked, n.Source.Counts = list(n.States), object(n.Asked), object(n.Source.Counts)
	if n.Trial != nil {
		n.Trial = normalised(n.Trial)
	}
	return &n
}

// ScaledCounts multiplies counts and rounds them; a state that was there stays at one socket at the least.
func ScaledCounts(c Counts, scale float64) Counts {
	out := Counts{}
	for state, n := range c {
		if n > 0 {
			out[state] = max(1, int64(math.Round(float64(n)*scale)))
		}
	}
	return out
}
