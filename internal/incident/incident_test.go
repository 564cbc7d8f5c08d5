package incident

import (
	"io/fs"
	"strings"
	"testing"
)

func TestEveryTableHasATitle(t *testing.T) {
	t.Parallel()
	entries, err := fs.ReadDir(library, "library")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		i, ok := Find(e.Name())
		if !ok || i.Title == "" || strings.Contains(i.Title, "\n") || !strings.Contains(i.Text, "ESTABLISHED") {
			t.Errorf("%s: %+v", e.Name(), i)
		}
	}
	if len(entries) != len(Names()) || len(entries) != len(All()) {
		t.Errorf("%d files, %d names", len(entries), len(Names()))
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"squid-18122", "squid-18122.states"} {
		if i, ok := Find(name); !ok || !strings.Contains(i.Text, "TIME_WAIT 18122") {
			t.Errorf("%s: %+v", name, i)
		}
	}
	if _, ok := Find("squid"); ok {
		t.Error("half a name is none")
	}
}
