// Package incident is the tables of states that come with the program: counts of sockets on struck hosts, each as its
// author published it. The package is pure.
package incident

import (
	"embed"
	"strings"
)

//go:embed library
var library embed.FS

const suffix = ".states"

// Incident is one host's table.
type Incident struct {
	Name  string
	Title string // one line
	Text  string // as published
}

// titles are the incidents in the order in which they are listed.
var titles = []Incident{
	{Name: "squid-18122", Title: "a busy Squid host: the \"18000 TIME_WAIT\" picture"},
	{Name: "shortconn-1669", Title: "a server of short connections after tuning; it had been above 18,000 before"},
	{Name: "mailhost-286", Title: "a lightly loaded mail host"},
	{Name: "apache-1423", Title: "an Apache host after tuning: no TIME_WAIT at all, and 262 in FIN_WAIT2"},
}

// All gives every incident.
func All() (out []Incident) {
	for _, i := range titles {
		text, err := library.ReadFile("library/" + i.Name + suffix)
		if err != nil {
			panic(err) // the directory is compiled in
		}
		i.Text = string(text)
		out = append(out, i)
	}
	return out
}

// Find gives the incident of a name, with .states or without; false where there is none.
func Find(name string) (Incident, bool) {
	for _, i := range All() {
		if i.Name == strings.TrimSuffix(name, suffix) {
			return i, true
		}
	}
	return Incident{}, false
}

// Names lists them.
func Names() (out []string) {
	for _, i := range titles {
		out = append(out, i.Name)
	}
	return out
}
