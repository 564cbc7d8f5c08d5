package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

var reproductionFormats = map[string]renderer[*record.Reproduction]{}

func registerReproduction(name string, r renderer[*record.Reproduction]) {
	reproductionFormats[name] = r
}

// ReproductionFormats lists the names that WriteReproduction takes, sorted. TrialPictures draws its trial.
func ReproductionFormats() []string { return slices.Sorted(maps.Keys(reproductionFormats)) }

// WriteReproduction tells r as Write tells a trial.
func WriteReproduction(format string, w io.Writer, r *record.Reproduction, opt Options) error {
	return write(reproductionFormats, " for a reproduction", format, w, r, r.ID, opt)
}

// reproductionName is what a reproduction is called: the incident, or the file without its folder.
func reproductionName(r *record.Reproduction) string {
	name := clean(r.Source.Name)
	if i := strings.LastIndexAny(name, "/\\"); i >= 0 {
		name = name[i+1:]
	}
	switch name {
	case "", "-":
		return "the pasted table"
	}
	return name
}

// reproductionTitle says what the table is of.
func reproductionTitle(r *record.Reproduction) string {
	if title := clean(r.Source.Title); title != "" {
		return title
	}
	return "a table of states, rebuilt socket by socket"
}

// reproductionAnswer says whether the mix stood as asked, and for how long.
func reproductionAnswer(r *record.Reproduction) (text string, mood style) {
	mix := counted(r.Asked.Total(), "socket", "sockets") + " in " + counted(int64(len(statesOf(r.Asked))), "state", "states")
	held := "the whole " + seconds(r.HeldSeconds)
	if r.Status != record.Complete {
		held = "the " + seconds(r.HeldSeconds) + " until the end"
	}
	held += " (" + counted(int64(r.Looks), "look", "looks") + ")"
	switch {
	case r.WorstDeviation == nil:
		return "Asked for were " + mix + "; what stood was not counted.", yellow
	case r.ReachedSeconds == nil:
		return "Of " + mix + " not all came to stand: " + worstWords(r) + ".", red
	case *r.WorstDeviation == 0:
		return mix + " stood as asked, to the last one, for " + held + ".", green
	case r.Holds != nil && !*r.Holds:
		return "Of " + mix + " not all stood as asked for " + held + ": " + worstWords(r) + ".", red
	}
	return mix + " stood as asked for " + held + ", within 1" + nbsp + "%: " + worstWords(r) + ".", green
}

// worstWords names the state that was off by the greatest share.
func worstWords(r *record.Reproduction) string {
	var worst *record.ReproducedState
	most := 0.0
	for i := range r.States {
		s := &r.States[i]
		if s.Holds == nil {
			continue
		}
		if off := float64(offOf(s)) / float64(max(1, s.Asked)); off > most {
			worst, most = s, off
		}
	}
	if worst == nil {
		return "at the worst a state was off by " + count(valueOr(r.WorstSockets, 0))
	}
	if worst.Asked == 0 {
		return counted(offOf(worst), "socket", "sockets") + " stood in " + worst.State.Netstat() + " that nobody asked for"
	}
	return fmt.Sprintf("%s was off by %s of %s at the worst", worst.State.Netstat(), count(offOf(worst)), count(worst.Asked))
}

// offOf is how far a state was off at the worst.
func offOf(s *record.ReproducedState) (off int64) {
	for _, n := range []*int64{s.Standing, s.Least, s.Most} {
		if n != nil {
			off = max(off, *n-s.Asked, s.Asked-*n)
		}
	}
	return off
}

// stateVerdict says of a state whether it stood as asked, and over what it went where that is not one number.
func stateVerdict(s *record.ReproducedState) (text, over string, mood style) {
	switch {
	case s.Standing == nil:
		return "", "", plain
	case s.Holds == nil:
		return "-", "", plain
	case offOf(s) == 0:
		return "exact", "", green
	}
	over = between(count(min(valueOr(s.Least, *s.Standing), *s.Standing)), count(max(valueOr(s.Most, *s.Standing), *s.Standing)))
	if *s.Holds {
		return "within 1" + nbsp + "%", over, green
	}
	return "off", over, red
}

// stateHow says how a state is held.
func stateHow(s *record.ReproducedState) string {
	how := clean(s.How)
	switch {
	case s.Standing != nil && s.Holds == nil:
		return "the table names none; connections need one"
	case s.Asked == 0 && how == "":
		return "nobody asked for it"
	}
	return how
}

// scaled tells whether the table was multiplied.
func scaled(r *record.Reproduction) bool { return r.Scale != 1 }

// askedWords writes what was asked for of a state that the table may not name.
func askedWords(s *record.ReproducedState) string {
	if s.Asked == 0 && s.Holds == nil && s.Pasted == 0 {
		return "-"
	}
	return count(s.Asked)
}

func standingWords(s *record.ReproducedState) string {
	if s.Standing == nil {
		return "not measured"
	}
	return count(*s.Standing)
}

// taken are what the table does not say and was decided, and what of it was left out.
type taken struct{ label, text string }

func reproductionTaken(r *record.Reproduction) (out []taken) {
	read := clean(r.Source.Kind)
	if read != "" {
		read = ", read as " + read
	}
	text := counted(r.Source.Counts.Total(), "socket", "sockets") + read
	if scaled(r) {
		text += "; x" + nbsp + strconv.FormatFloat(r.Scale, 'g', 4, 64) + ", rounded, and a state that was there keeps at least one"
	}
	out = append(out, taken{"table", text + "."})
	if n := r.Source.Closed; n > 0 {
		out = append(out, taken{"", counted(n, "socket", "sockets") +
			" in CLOSED, UNCONN or UNKNOWN are left out: no connection is in such a state."})
	}
	if n := r.Source.PassedOver; n > 0 {
		out = append(out, taken{"", counted(int64(n), "line that is no row was", "lines that are no rows were") + " passed over."})
	}
	if r.Asked[record.TimeWait] > 0 {
		who := "the struck host is their server and closed first (--closer server)"
		if r.Closer == client {
			who = "the struck host opened them and closed first (--closer client)"
		}
		out = append(out, taken{"decided", fmt.Sprintf("TIME_WAIT: %s; %s (--clients %d).", who,
			counted(int64(r.Clients), "remote host", "remote hosts"), r.Clients)})
	}
	return out
}

// heldWords tells how long it took and stood.
func heldWords(r *record.Reproduction) string {
	text := "for " + seconds(r.HeldSeconds)
	if r.HoldSeconds > 0 && r.HeldSeconds < r.HoldSeconds-0.5 {
		text += " of " + seconds(r.HoldSeconds)
	}
	if r.ReachedSeconds != nil {
		text = "all stood after " + seconds(*r.ReachedSeconds) + "; held " + text
	}
	return text
}
