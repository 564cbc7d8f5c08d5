package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"twomsl/internal/sysctl"
)

// recipeOf reads a command line's recipe flags.
func recipeOf(t testing.TB, args ...string) *recipeFlags {
	t.Helper()
	var f recipeFlags
	fs := pflag.NewFlagSet("x", pflag.ContinueOnError)
	f.flags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &f
}

func TestRecipeFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "my.conf")
	if err := os.WriteFile(file, []byte("# c\na.x = 1\n-a.y = 2\na.x = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := recipeOf(t, "--sysctl", "a.x=9", "--sysctl-file", "client:"+file, "--sysctl", "server:a/z=4", "--sysctl", "both:a.z=5",
		"--sysctl", "a.q=b:c", "--strict")
	got, err := f.settings()
	if err != nil || !f.strict {
		t.Fatal(f, err)
	}
	if want := []string{file + ":2: a.x is set again in line 4, and that counts"}; !slices.Equal(f.notes, want) {
		t.Errorf("notes: %q", f.notes)
	}
	wantClient := []sysctl.Setting{
		{Key: "a.y", Value: "2", Optional: true, File: file, LineNo: 3},
		{Key: "a.x", Value: "3", File: file, LineNo: 4},
		{Key: "a.z", Value: "5"},
		{Key: "a.q", Value: "b:c"},
	}
	wantServer := []sysctl.Setting{{Key: "a.x", Value: "9"}, {Key: "a.z", Value: "5"}, {Key: "a.q", Value: "b:c"}}
	if d := cmp.Diff(wantClient, got.Client); d != "" {
		t.Errorf("client: %s", d)
	}
	if d := cmp.Diff(wantServer, got.Server); d != "" {
		t.Errorf("server: %s", d)
	}
	if got, err := recipeOf(t).settings(); err != nil || len(got.Client)+len(got.Server) != 0 {
		t.Errorf("without flags: %+v, %v", got, err)
	}
}

func TestRecipeFlagsTellAllThatIsWrong(t *testing.T) {
	_, err := recipeOf(t, "--sysctl", "sever:a.x=1", "--sysctl", "server:a.x", "--sysctl-file", "/does/not/exist",
		"--sysctl-file", "client:/does/not/exist").settings()
	var e *exitError
	if !errors.As(err, &e) || e.code != exitUsage {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		`there is no side "sever"; did you mean server?`, "--sysctl server:a.x: column 11: there is no =", "/does/not/exist: no such file",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
	if strings.Count(err.Error(), "no such file") != 1 {
		t.Errorf("one file, told more than once:\n%v", err)
	}
}

// Whatever is typed is an error or settings with keys of files below /proc/sys; nothing panics.
func FuzzRecipeFlag(f *testing.F) {
	for _, text := range []string{
		"net.ipv4.tcp_tw_reuse=1", "client:net/ipv4/ip_local_port_range = 1024\t65000", "server:-net.ipv4.tcp_mem=1 2 3", "both:a.b=",
		"clint:a.b=1", ":a.b=1", "client:", "client:server:a.b=1", "a.b=c:d", "=", "\x00:\n", "net.//.kernel.panic=1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := (&recipeFlags{given: []recipeFlag{{sysctlFlag, text}}}).settings()
		n := len(got.Client) + len(got.Server)
		if (err == nil) != (n > 0) || n > 2 {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%q: an error without a word", text)
		}
		for _, s := range slices.Concat(got.Client, got.Server) {
			again, problem := sysctl.ParseSetting(s.Key + "=" + s.Value)
			if problem != nil || again.Key != s.Key || again.Value != s.Value || strings.ContainsAny(s.Key+s.Value, "\n\x00") {
				t.Errorf("%q: %+v reads again as %+v, %v", text, s, again, problem)
			}
		}
	})
}

func TestWrapped(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, nil},
		{"a b  c", 3, []string{"a b", "c"}},
		{"abcdefg", 3, []string{"abc", "def", "g"}},
		{"x abcdefg y", 3, []string{"x", "abc", "def", "g y"}},
		{"ä ö", 3, []string{"ä ö"}},
	} {
		if got := wrapped(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("wrapped(%q, %d) = %q", c.text, c.width, got)
		}
	}
}
