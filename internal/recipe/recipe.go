// Package recipe is the advice that comes with the program: sysctl.conf texts as they were published, and comparisons
// that are ready to run, each of one such text on the scenario that it is about. The package is pure.
package recipe

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed library
var library embed.FS

const (
	confSuffix  = ".conf"
	readySuffix = ".yaml"
)

// Ready is a comparison that is ready to run.
type Ready struct {
	Name     string   `yaml:"name" json:"name"`
	Title    string   `yaml:"title" json:"title"`       // one line
	About    string   `yaml:"about" json:"about"`       // why it exists, what to look at
	Scenario string   `yaml:"scenario" json:"scenario"` // of the library
	Set      []string `yaml:"set" json:"set"`           // fields changed in every variant, as --set takes them
	Before   string   `yaml:"before" json:"before"`     // default, or a recipe
	After    string   `yaml:"after" json:"after"`       // a recipe
}

// Names lists the ready comparisons, in alphabetical order.
func Names() []string { return names(readySuffix, true) }

// Files lists the recipes, with .conf, in alphabetical order.
func Files() []string { return names(confSuffix, false) }

func names(suffix string, cut bool) (out []string) {
	entries, err := fs.ReadDir(library, "library")
	if err != nil {
		panic(err) // the directory is compiled in
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, suffix) {
			if cut {
				name = strings.TrimSuffix(name, suffix)
			}
			out = append(out, name)
		}
	}
	slices.Sort(out) // the files are in another order: "." comes after "-"
	return out
}

// Conf is the text of a recipe, named with .conf or without; false where there is none of that name.
func Conf(name string) ([]byte, bool) {
	data, err := library.ReadFile("library/" + strings.TrimSuffix(name, confSuffix) + confSuffix)
	return data, err == nil
}

// Find gives a ready comparison; false where there is none of that name.
func Find(name string) (Ready, bool, error) {
	data, err := library.ReadFile("library/" + name + readySuffix)
	if err != nil {
		return Ready{}, false, nil
	}
	r := Ready{Before: "default"}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&r); err != nil {
		return r, true, fmt.Errorf("comparison %s: %w", name, err)
	}
	return r, true, nil
}
