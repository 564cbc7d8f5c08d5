// Package diagnose is from what was seen of a host to what is wrong with it: one rule for each cause, with its evidence,
// what helps, and the scenario that shows it. The package is pure.
//
// A rule speaks of what was seen alone. Where its evidence is missing it says what is missing, and neither finds nor
// rules out anything.
package diagnose

import (
	"cmp"
	"slices"

	"twomsl/internal/record"
)

// rule is one cause.
type rule struct {
	id       string
	scenario string // that shows it
	look     func(*sight) finding
	remedy   func(*sight) []record.Remedy
}

// rules in the order in which causes bring about each other: what comes first is told first where both are as sure. A cause
// is a row here and a file of its own.
var rules = []rule{
	{record.CloseWaitLeak, "close-wait-leak", closeWaitLeak, closeWaitRemedies},
	{record.DescriptorsExhausted, "descriptors", descriptorsExhausted, descriptorRemedies},
	{record.ConntrackFull, "conntrack-full", conntrackFull, conntrackRemedies},
	{record.PortTupleExhausted, "port-exhaustion-small", portTupleExhausted, portRemedies},
	{record.ExplicitBindExhausted, "explicit-bind", explicitBindExhausted, bindRemedies},
	{record.AcceptBacklogFull, "accept-backlog", acceptBacklogFull, acceptRemedies},
	{record.SynQueueFull, "syn-queue", synQueueFull, synRemedies},
	{record.DeadPeer, "dead-peer", deadPeer, deadPeerRemedies},
	{record.FinWait2Pileup, "fin-wait-2-pileup", finWait2Pileup, finWait2Remedies},
	{record.HalfRangeCliff, "half-range-cliff", halfRangeCliff, cliffRemedies},
	{record.IdleKeepalive, "idle-50000", idleKeepalive, idleRemedies},
}

// finding is what a rule has to say. Exactly one of confidence, out and unseen is not empty.
type finding struct {
	confidence string   // certain, likely, possible: this is a cause
	says       string   // one sentence
	evidence   []string // one finding with its figure each
	out        string   // why it is none, with the figure
	unseen     string   // what could not be seen, and what would show it
	near       string   // it is none yet, and how far it is from being one
	scenario   string   // that shows it better than the rule's own; "" where that does
}

// sureness ranks confidences.
var sureness = []string{record.Certain, record.Likely, record.Possible}

// Diagnose says what is wrong with a host, most likely first; at least one cause comes back, and healthy only alone.
func Diagnose(h record.Host) record.Diagnosis {
	s := newSight(&h)
	d := record.Diagnosis{
		Schema: record.DiagnosisSchema, Of: s.of(), Source: h.Source,
		TimeWaitIn: s.timeWaitIn, TimeWaitOut: s.timeWaitOut,
		Tuples: s.outlooks(), Moved: s.movedCounters(),
		Causes: []record.DiagnosedCause{}, RuledOut: []string{}, NotVisible: []string{}, Host: &h,
	}
	var near []string
	for _, r := range rules {
		switch f := r.look(s); {
		case f.confidence != "":
			d.Causes = append(d.Causes, r.cause(s, f))
		case f.out != "":
			d.RuledOut = append(d.RuledOut, f.out)
			if f.near != "" {
				near = append(near, f.near)
				s.nearly = append(s.nearly, r)
			}
		default:
			s.unseen++
			if !slices.Contains(d.NotVisible, f.unseen) { // several rules lack the same
				d.NotVisible = append(d.NotVisible, f.unseen)
			}
		}
	}
	slices.SortStableFunc(d.Causes, func(a, b record.DiagnosedCause) int {
		return cmp.Compare(slices.Index(sureness, a.Confidence), slices.Index(sureness, b.Confidence))
	})
	if len(d.Causes) == 0 {
		d.Causes = append(d.Causes, healthy(s, near))
	}
	d.NotVisible = append(d.NotVisible, s.notVisible()...)
	return d
}

func (r *rule) cause(s *sight, f finding) record.DiagnosedCause {
	return record.DiagnosedCause{
		ID: r.id, Confidence: f.confidence, Says: f.says, Evidence: f.evidence, Remedy: r.remedy(s), Scenario: or(f.scenario, r.scenario),
	}
}
