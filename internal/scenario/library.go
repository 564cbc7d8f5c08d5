package scenario

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed library/*.yaml
var library embed.FS

// Names lists the scenarios that come with the program, in alphabetical order.
func Names() []string {
	entries, err := library.ReadDir("library")
	if err != nil {
		panic(err) // the directory is compiled in
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	slices.Sort(names) // the files are in another order: "." comes after "-"
	return names
}

// Source is the YAML text of a scenario of the library; nil where there is none of that name.
func Source(name string) []byte {
	data, err := library.ReadFile("library/" + name + ".yaml")
	if err != nil {
		return nil
	}
	return data
}

// Find reads a scenario of the library. The error is a Problems that names the scenarios there are.
func Find(name string) (Scenario, error) {
	data := Source(name)
	if data == nil {
		text := fmt.Sprintf("no scenario is called %q", name)
		names := Names()
		guess := DidYouMean(name, names)
		if guess == "" {
			guess = ";"
		}
		return Scenario{}, Problems{{Text: text + guess + " there are: " + strings.Join(names, ", ")}}
	}
	return Parse(name+".yaml", data)
}
