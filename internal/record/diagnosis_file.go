package record

import "fmt"

// EncodeDiagnosis gives the JSON of a diagnosis: indented, ending in a newline, with [] for every list that is empty. It
// leaves d as it is.
func EncodeDiagnosis(d *Diagnosis) ([]byte, error) {
	n := *d
	if n.Schema == "" {
		n.Schema = DiagnosisSchema
	}
	n.Causes, n.Tuples, n.Moved = list(n.Causes), list(n.Tuples), list(n.Moved)
	n.RuledOut, n.NotVisible = list(n.RuledOut), list(n.NotVisible)
	n.Causes = append([]DiagnosedCause{}, n.Causes...)
	for i := range n.Causes {
		n.Causes[i].Evidence, n.Causes[i].Remedy = list(n.Causes[i].Evidence), list(n.Causes[i].Remedy)
	}
	return encode(&n)
}

// DecodeHost gives the host that data holds; name is what errors call it.
func DecodeHost(name string, data []byte) (*Host, error) {
	return decode(name, data, HostSchema, func(h *Host) *Host { return h })
}

// Check tells everything by which h contradicts itself or the documented ranges, as for a trial.
func (h *Host) Check() error {
	var c checker
	c.secondsPtr("watched_seconds", h.WatchedSeconds)
	c.secondsPtr("time_wait_seconds", h.TimeWaitSeconds)
	c.counts("states", h.States)
	c.counts("peak", h.Peak)
	c.counts("stayed", h.Stayed)
	for i := range h.Flows {
		c.flow(fmt.Sprintf("flows[%d]", i), &h.Flows[i])
	}
	for i, d := range h.Descriptors {
		c.count(fmt.Sprintf("descriptors[%d].in_use", i), d.InUse)
	}
	if k := h.Conntrack; k != nil {
		c.count("conntrack.entries", k.Entries)
		c.count("conntrack.limit", k.Limit)
	}
	return c.err()
}

func (c *checker) flow(path string, f *Flow) {
	c.oneOf(path+".direction", f.Direction, []string{Inbound, Outbound})
	c.counts(path+".states", f.States)
	c.countPtr(path+".ports_in_use", f.PortsInUse)
	c.countPtr(path+".even", f.Even)
	c.countPtr(path+".odd", f.Odd)
	c.secondsPtr(path+".rate_per_second", f.RatePerSecond)
	if f.Port < 0 || f.Port > 65535 {
		c.add(path+".port", "cannot be %d", f.Port)
	}
}
