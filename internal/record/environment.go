package record

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Environment is the machine that the trial ran on.
type Environment struct {
	Kernel string `json:"kernel"` // release
	Build  string `json:"build"`  // version line
	// BootID tells one boot of a machine from the next; "" in records from before it was noted.
	BootID      string            `json:"boot_id"`
	CommandLine string            `json:"command_line"`
	Arch        string            `json:"arch"`
	CPUModel    string            `json:"cpu_model"`
	CPUs        int               `json:"cpus"` // online
	CPUsAllowed string            `json:"cpus_allowed"`
	Pinned      SidePair[string]  `json:"pinned"` // --cpus; "" where not pinned
	Mitigations map[string]string `json:"mitigations"`
	CgroupQuota *float64          `json:"cgroup_quota_cpus"` // nil: no quota
	MemoryBytes int64             `json:"memory_bytes"`
	// StealSeconds is what the hypervisor took from all processors during the trial; nil where /proc/stat has none.
	StealSeconds *float64          `json:"steal_seconds"`
	LoadAverage  string            `json:"load_average"`
	HZ           int               `json:"hz"`
	EHashBuckets *int64            `json:"ehash_buckets"` // TCP established hash; nil where not readable
	Offloads     map[string]bool   `json:"offloads"`      // of the lab's link; nil where there is none or it could not be read
	Go           string            `json:"go"`
	Root         bool              `json:"root"`          // false: in a user namespace
	NoFileLimit  int64             `json:"no_file_limit"` // hard limit on descriptors
	Unmeasured   map[string]string `json:"unmeasured"`    // field -> why it is null
}

// Measured tells whether a field of the environment, under its JSON name, holds what the machine showed. A number or a
// text of one that was not measured is Go's zero value here and null in JSON.
func (e Environment) Measured(field string) bool {
	_, gap := e.Unmeasured[field]
	return !gap
}

// MarshalJSON writes null for each field that Unmeasured names and nobody has filled since, also for numbers and texts,
// whose zero would read as a measurement. Null reads back as the zero value.
func (e Environment) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		text := []byte("null")
		if e.Measured(name) || !v.Field(i).IsZero() {
			var err error
			if text, err = json.Marshal(v.Field(i).Interface()); err != nil {
				return nil, err
			}
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(`"` + name + `":`)
		out.Write(text)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
