//go:build linux

package checkout

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// run runs a command of a test's.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	c.Env = append(c.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// repository has two commits, v1 and v2, and changes that are in neither: in its files, and in its index.
func repository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := filepath.Join(t.TempDir(), "repo")
	run(t, "/", "git", "init", "-q", "-b", "trunk", dir)
	write(t, filepath.Join(dir, "version"), "one\n")
	write(t, filepath.Join(dir, "sub/deep/file"), "x\n")
	write(t, filepath.Join(dir, ".gitattributes"), "left-out export-ignore\nversion export-subst\n")
	write(t, filepath.Join(dir, "left-out"), "$Format:%H$\n")
	if err := os.Symlink("version", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "run.sh"), "#!/bin/sh\ncat version\n")
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "git", "add", "-A")
	run(t, dir, "git", "commit", "-qm", "one")
	run(t, dir, "git", "tag", "v1")
	write(t, filepath.Join(dir, "version"), "two\n")
	run(t, dir, "git", "commit", "-qam", "two")
	run(t, dir, "git", "tag", "-a", "-m", "two", "v2")
	write(t, filepath.Join(dir, "version"), "not committed\n")
	write(t, filepath.Join(dir, "staged"), "staged\n")
	run(t, dir, "git", "add", "staged")
	return dir
}

// everything is all that is in a directory, .git and all.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// temporary is an empty TMPDIR, which must be empty again.
func temporary(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

func TestBuildLeavesTheRepositoryAlone(t *testing.T) {
	repo := repository(t)
	run(t, repo, "git", "config", "core.splitIndex", "true")
	temporary(t)
	before := everything(t, repo)
	// As in a hook of git's, which says where the user's index is.
	t.Setenv("GIT_DIR", filepath.Join(repo, ".git"))
	t.Setenv("GIT_INDEX_FILE", filepath.Join(repo, ".git/index"))
	for revision, version := range map[string]string{"v1": "one", "v2": "two", "trunk~1": "one", "HEAD": "two"} {
		var out bytes.Buffer
		dir, commit, cleanup, err := Build(t.Context(), filepath.Join(repo, "sub/deep"), revision,
			`echo "$TWOMSL_COMMIT"; ./run.sh | tee built; git rev-parse 2>/dev/null && echo found; test -z "$GIT_DIR$GIT_INDEX_FILE"`, &out)
		if err != nil {
			t.Fatal(err)
		}
		if want := commit + "\n" + version + "\n"; out.String() != want || len(commit) != 40 {
			t.Errorf("%s: %q, not %q", revision, out.String(), want)
		}
		got := everything(t, dir)
		if d := cmp.Diff(map[string]string{
			"version": version + "\n", "built": version + "\n", "link": version + "\n", "sub/deep/file": "x\n", "run.sh": before["run.sh"],
			".gitattributes": before[".gitattributes"], "left-out": "$Format:%H$\n",
		}, got); d != "" {
			t.Errorf("%s: %s", revision, d)
		}
		if err := cleanup(); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(before, everything(t, repo)); d != "" {
		t.Error(d)
	}
}

func TestBuildSaysWhatToDoNext(t *testing.T) {
	repo := repository(t)
	shallow := filepath.Join(t.TempDir(), "shallow")
	run(t, "/", "git", "clone", "-q", "--depth", "1", "file://"+repo, shallow)
	first := run(t, repo, "git", "rev-parse", "v1")
	temporary(t)
	for what, c := range map[string]struct{ dir, revision, command, want string }{
		"no repository":    {t.TempDir(), "v1", "true", "is in no git repository"},
		"no directory":     {"/nonexistent", "v1", "true", "/nonexistent"},
		"no such revision": {repo, "v3", "true", `there is no commit "v3"`},
		"an option":        {repo, "--all", "true", `there is no commit "--all"`},
		"no commit":        {repo, "HEAD:version", "true", "there is no commit"},
		"shallow":          {shallow, first, "true", "fetch-depth: 0"},
		"build fails":      {repo, "v1", "for i in $(seq 30); do echo line $i; done; echo no >&2; exit 7", "exit status 7; its last words:\nline 12\nline 13"},
		"build is silent":  {repo, "v1", "exit 7", "said nothing"},
		"background":       {repo, "v1", "sleep 30 &", "has left a process"},
	} {
		t.Run(what, func(t *testing.T) {
			if what != "background" {
				t.Parallel()
			}
			var out bytes.Buffer
			_, _, cleanup, err := Build(t.Context(), c.dir, c.revision, c.command, &out)
			if err == nil || cleanup != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if what == "build fails" && (strings.Contains(err.Error(), "line 11\n") || !strings.Contains(out.String(), "line 1\n")) {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}

func TestBuildWithoutGit(t *testing.T) {
	temporary(t)
	t.Setenv("PATH", t.TempDir())
	if _, _, _, err := Build(t.Context(), ".", "HEAD", "true", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "takes git") {
		t.Error(err)
	}
}

func TestBuildEndsWithItsContext(t *testing.T) {
	repo := repository(t)
	temporary(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, _, err := Build(ctx, repo, "v1", "sleep 61 | cat; echo later", &bytes.Buffer{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

// Killed in the middle it leaves the temporary directory, and the repository as it was.
func TestBuildIsKilled(t *testing.T) {
	if repo := os.Getenv("TWOMSL_TEST_REPOSITORY"); repo != "" {
		_, _, _, err := Build(t.Context(), repo, "v1", "touch ../started; exec sleep 67", &bytes.Buffer{})
		t.Fatal(err)
	}
	repo, place := repository(t), t.TempDir()
	before := everything(t, repo)
	c := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	c.Env = append(c.Environ(), "TWOMSL_TEST_REPOSITORY="+repo, "TMPDIR="+place)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if there, _ := filepath.Glob(filepath.Join(place, "twomsl-build-*/started")); len(there) == 1 {
			break
		}
		if time.Now().After(end) {
			t.Error("the build never began")
			break
		}
	}
	c.Process.Kill() //nolint:errcheck // it may have ended
	c.Wait()         //nolint:errcheck // it was killed
	if d := cmp.Diff(before, everything(t, repo)); d != "" {
		t.Error(d)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		out, _ := exec.Command("pgrep", "-f", "^sleep 67$").Output()
		if len(out) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Errorf("the build goes on: %s", out)
			break
		}
	}
}

// What a build has made read-only goes all the same.
func TestCleanupOfReadOnly(t *testing.T) {
	repo := repository(t)
	temporary(t)
	_, _, cleanup, err := Build(t.Context(), repo, "v1", "mkdir -p a/b && touch a/b/c && chmod -R a-w a", &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := cleanup(); err != nil {
		t.Error(err)
	}
}

// A submodule's directory is empty; a repository without files of its own will do, and one of whose files few are there.
func TestBuildFromBareAndLinked(t *testing.T) {
	repo := repository(t)
	inner := repository(t)
	run(t, repo, "git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "inner")
	run(t, repo, "git", "commit", "-qm", "three")
	linked := filepath.Join(t.TempDir(), "linked")
	run(t, repo, "git", "worktree", "add", "-q", "--detach", linked, "v1")
	run(t, linked, "git", "sparse-checkout", "set", "nothing")
	bare := filepath.Join(t.TempDir(), "bare")
	run(t, "/", "git", "clone", "-q", "--bare", repo, bare)
	temporary(t)
	for _, from := range []string{repo, bare, linked} {
		before := everything(t, from)
		var out bytes.Buffer
		_, _, cleanup, err := Build(t.Context(), from, "trunk", "ls -A inner; cat version staged", &out)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != "two\nstaged\n" {
			t.Errorf("%q", out.String())
		}
		if err := cleanup(); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(before, everything(t, from)); d != "" {
			t.Error(d)
		}
	}
}
