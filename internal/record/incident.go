package record

import (
	"fmt"
	"os"
	"time"
)

// IncidentSchema names the layout of an incident's record.
const IncidentSchema = "twomsl/incident/v1"

// Incident is the whole story: a host's sockets as somebody found them, without and with the recipe that they copied, and
// the connections that the same host makes itself, without and with it.
type Incident struct {
	Schema    string    `json:"schema"`     // twomsl/incident/v1
	ID        string    `json:"id"`         // also the file's name
	Tool      string    `json:"tool"`       // the program and its version
	Status    Status    `json:"status"`     // complete; interrupted or failed, where an act is
	StartedAt time.Time `json:"started_at"` // UTC
	Seconds   float64   `json:"seconds"`    // that all took together, side by side
	Command   string    `json:"command"`    // what to type to repeat it
	Table     string    `json:"table"`      // the state table that was rebuilt: its name or file
	Recipe    string    `json:"recipe"`     // the settings that were copied: their name or file
	// Found is the host as it was found, with the connections made to it. Outgoing are those that it makes, through its
	// own ports: the side on which a recipe for ports and reuse can do something.
	Found    BeforeAfter `json:"found"`
	Outgoing BeforeAfter `json:"outgoing"`
}

// BeforeAfter is one act, played twice. A trial is nil where it was not run or broke before its load; Failure says why.
type BeforeAfter struct {
	Before  *Trial `json:"before"`
	After   *Trial `json:"after"`
	Failure string `json:"failure"`
}

// Acts lists both acts.
func (i *Incident) Acts() [2]*BeforeAfter { return [2]*BeforeAfter{&i.Found, &i.Outgoing} }

// Trials lists all trials that there are, in the order of the story.
func (i *Incident) Trials() (all []*Trial) {
	for _, act := range i.Acts() {
		for _, t := range []*Trial{act.Before, act.After} {
			if t != nil {
				all = append(all, t)
			}
		}
	}
	return all
}

// Check tells everything by which i contradicts itself, each with its field's path; nil where nothing does.
func (i *Incident) Check() error {
	var c checker
	if i.Schema != "" && i.Schema != IncidentSchema {
		c.add("schema", "is %q, not %s", i.Schema, IncidentSchema)
	}
	if err := checkID(i.ID); err != nil {
		c.add("id", "%v", err)
	}
	switch i.Status {
	case Complete, Interrupted, Failed:
	default:
		c.add("status", "is %q, which is none", i.Status)
	}
	c.seconds("seconds", i.Seconds)
	for n, act := range i.Acts() {
		path := [2]string{"found", "outgoing"}[n]
		for name, t := range map[string]*Trial{"before": act.Before, "after": act.After} {
			if t == nil {
				continue
			}
			if err := t.Check(); err != nil {
				c.add(path+"."+name, "%v", err)
			}
		}
	}
	return c.err()
}

// WriteIncident keeps i as DIR/ID.json and returns that path, in all as Write does.
func WriteIncident(dir string, i *Incident) (path string, err error) {
	return write(dir, i.ID, EncodeIncident, i)
}

// EncodeIncident gives the JSON that WriteIncident keeps. It leaves i as it is.
func EncodeIncident(i *Incident) ([]byte, error) {
	n := normalIncident(i)
	if n.Schema == "" {
		n.Schema = IncidentSchema
	}
	return encode(n)
}

// ReadIncident gives the incident in the file at path.
func ReadIncident(path string) (*Incident, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read record: %w", err)
	}
	return DecodeIncident(path, data)
}

// DecodeIncident gives the incident that data holds, with the promises of Decode.
func DecodeIncident(name string, data []byte) (*Incident, error) {
	return decode(name, data, IncidentSchema, normalIncident)
}

// normalIncident gives a copy of i in which the lists that are always known are never nil.
func normalIncident(i *Incident) *Incident {
	n := *i
	for _, act := range n.Acts() {
		for _, t := range []**Trial{&act.Before, &act.After} {
			if *t != nil {
				*t = normalised(*t)
			}
		}
	}
	return &n
}
