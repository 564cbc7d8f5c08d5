package diagnose

import (
	"fmt"
	"math"

	"twomsl/internal/record"
)

const (
	// slowConnectUS is from where on connect() in a lab is slow, in microseconds: it takes some tens there, and 1,750 where
	// it looks through the 14,116 ports of the default range's first parity in vain.
	slowConnectUS = 500
	// nearCliff is the share of the cliff's rate from which on a healthy host is told of it: a third more reaches it.
	nearCliff = 0.75
)

// halfRangeCliff: plain connect() has used up the ports of one parity, and looks through all of them in vain each time.
func halfRangeCliff(s *sight) (f finding) {
	seen := false
	for i := range s.tuples {
		t := &s.tuples[i]
		spent, known := t.spent()
		seen = seen || known || t.usable > 0 && t.share() < 0.5
		if t.full() || t.share() <= 0.5 || !spent {
			continue
		}
		f.confidence = record.Likely
		f.says = fmt.Sprintf("More than half of the ports from %s are taken: connect() there gets slow before it fails", t.name())
		f.evidence = []string{
			t.says(),
			fmt.Sprintf("%s even and %s odd: plain connect() looks through all of one parity before it takes the other",
				count(*t.flow.Even), count(*t.flow.Odd)),
		}
		if c := s.h.Connect; c != nil {
			f.evidence = append(f.evidence, fmt.Sprintf("connect() took %s (p50), %s (p99)", micros(c.P50US), micros(c.P99US)))
			if c.P99US >= slowConnectUS {
				f.confidence = record.Certain
			}
		}
		f.evidence = append(f.evidence, s.canaries(fromHost, "same-tuple")...)
		return f
	}
	switch {
	case len(s.tuples) > 0 && s.tuples[0].full():
		f.out = "half-range cliff: passed, the ports of " + s.tuples[0].name() + " are all in use"
	case seen:
		f.out = "half-range cliff: " + or(s.fullest(), "no tuple's ports are taken")
		f.near = s.nearCliff()
	case len(s.tuples) == 0 && s.h.Flows != nil && s.madeNone():
		f.out = "half-range cliff: this host has made no connection that stands"
	case s.h.Flows == nil:
		f.unseen = portsUnseen
	default:
		f.unseen = "ports in use by parity: the flows do not tell them, or not their range"
	}
	return f
}

// nearCliff says which tuple's rate is close to the half of its range; "" where none is.
func (s *sight) nearCliff() string {
	for i := range s.tuples {
		t := &s.tuples[i]
		o := t.outlook()
		if o.Plateau == nil || o.CliffPerSecond == nil || *o.RatePerSecond < nearCliff**o.CliffPerSecond ||
			*o.RatePerSecond >= *o.FullPerSecond {
			continue
		}
		return t.ahead(&o)
	}
	return ""
}

// ahead writes a tuple's forecast.
func (t *tuple) ahead(o *record.TupleOutlook) string {
	text := fmt.Sprintf("%s: %s, plateau up to %s of %s ports", t.name(), rate(*o.RatePerSecond), count(int64(math.Ceil(*o.Plateau))),
		count(t.usable))
	if o.CliffPerSecond != nil {
		text += fmt.Sprintf("; slows at %s %s", rate(*o.CliffPerSecond), headroom(*o.RatePerSecond, *o.CliffPerSecond))
	}
	return text + fmt.Sprintf(", full at %s %s", rate(*o.FullPerSecond), headroom(*o.RatePerSecond, *o.FullPerSecond))
}

// headroom writes how far limit lies above now.
func headroom(now, limit float64) string {
	switch {
	case now <= 0:
		return "(far)"
	case limit <= now:
		return "(passed)"
	case limit >= 2*now:
		return fmt.Sprintf("(x %.1f)", limit/now)
	}
	return fmt.Sprintf("(+%d %%)", int64(100*(limit/now-1)))
}

func cliffRemedies(s *sight) []record.Remedy {
	return append(morePorts(s), record.Remedy{
		When: "lasting", Kind: "code",
		Do:   "set IP_LOCAL_PORT_RANGE on the socket before connect() (Linux 6.3), even to the same range: connect() then takes either parity",
		Risk: "none known", Undo: "leave it out",
	})
}
