//go:build linux

// Package checkout builds another commit of the user's repository beside it, in a temporary directory. The user's checkout,
// index, branches and list of worktrees stay as they are, however this ends.
//
// The tree is laid out by git with an index of its own: read-tree and checkout-index write nothing into the repository. `git
// worktree add` would leave an entry in it where this process is killed, and `git archive` leaves out what .gitattributes
// marks export-ignore, and changes what it marks export-subst: another tree than a checkout's.
//
// What is not there: .git, so that a build that asks git for its version finds none (TWOMSL_COMMIT has the commit); what
// submodules hold, whose directories are empty; and the contents of files that Git LFS keeps, where that is not installed:
// small text files stand in their place. (Where it is, it may fetch them into the repository, as at any checkout.)
package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// CommitVar is where the build command finds the commit's full name.
const CommitVar = "TWOMSL_COMMIT"

// Build lays out the tree of a revision of the repository that repoDir is in, and runs a line by /bin/sh at its top. What
// that says goes to out. dir is the tree's top, commit the commit's full name; cleanup takes it all away, and has been
// called where there is an error.
func Build(ctx context.Context, repoDir, revision, command string, out io.Writer) (dir, commit string, cleanup func() error, err error) {
	if commit, err = find(ctx, repoDir, revision); err != nil {
		return "", "", nil, err
	}
	base, err := os.MkdirTemp("", "twomsl-build-")
	if err != nil {
		return "", "", nil, fmt.Errorf("a place to build %s in: %w", revision, err)
	}
	cleanup = func() error { return remove(base) }
	dir = filepath.Join(base, "tree")
	if err = lay(ctx, repoDir, commit, base, dir); err == nil {
		err = build(ctx, dir, commit, command, out)
	}
	if err != nil {
		return "", "", nil, errors.Join(fmt.Errorf("commit %s: %w", short(commit, revision), err), cleanup())
	}
	return dir, commit, cleanup, nil
}

// short names a commit for a reader.
func short(commit, revision string) string {
	name := commit[:min(len(commit), 12)]
	if strings.HasPrefix(commit, revision) {
		return name
	}
	return revision + " (" + name + ")"
}

// find gives the full name of the commit that a revision means.
func find(ctx context.Context, repoDir, revision string) (string, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return "", fmt.Errorf("building commit %q takes git, which is not in PATH: install it, or name a binary, a command or an image", revision)
	}
	if _, err := git(ctx, repoDir, nil, "rev-parse", "--git-dir"); err != nil {
		return "", notRepository(repoDir, err)
	}
	commit, err := "", errOption
	if !strings.HasPrefix(revision, "-") {
		commit, err = git(ctx, repoDir, nil, "rev-parse", "--verify", "--quiet", revision+"^{commit}")
	}
	if err == nil {
		return commit, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if shallow, _ := git(ctx, repoDir, nil, "rev-parse", "--is-shallow-repository"); shallow == "true" {
		return "", fmt.Errorf("there is no commit %q here: this is a shallow clone, as CI makes them; have all commits fetched "+
			"(GitHub: actions/checkout with fetch-depth: 0; GitLab: GIT_DEPTH: 0), or `git fetch --unshallow`", revision)
	}
	return "", fmt.Errorf("there is no commit %q in the repository of %s: name a commit, a tag or a branch that `git rev-parse` knows; "+
		"one that only the server has is origin/NAME after `git fetch`", revision, repoDir)
}

var errOption = errors.New("an option of git's is no revision")

func notRepository(repoDir string, err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "dubious ownership"):
		return fmt.Errorf("git does not trust %s, which belongs to another user: git config --global --add safe.directory %q: %w",
			repoDir, repoDir, err)
	case strings.Contains(text, "not a git repository"):
		return fmt.Errorf("%s is in no git repository: run this in a checkout, or name a binary, a command or an image instead of a commit: %w",
			repoDir, err)
	}
	return fmt.Errorf("the git repository of %s: %w", repoDir, err)
}

// lay puts the commit's files below dir.
func lay(ctx context.Context, repoDir, commit, base, dir string) error {
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(base, "index")}
	top, err := git(ctx, repoDir, nil, "rev-parse", "--show-toplevel")
	if err != nil {
		top = repoDir // a bare repository: its files are nowhere
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if _, err := git(ctx, top, index, "read-tree", "--no-sparse-checkout", commit); err != nil {
		return fmt.Errorf("its tree: %w", err)
	}
	// checkout-index takes a working tree to be there: the new one stands for it.
	repo, err := git(ctx, repoDir, nil, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return err
	}
	if _, err := git(ctx, dir, append(index, "GIT_DIR="+repo, "GIT_WORK_TREE="+dir), "checkout-index", "--all", "--quiet"); err != nil {
		return fmt.Errorf("its files: %w", err)
	}
	return nil
}

// git runs one and gives what it says.
func git(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	// Either would write into the repository: a part of the index that several share, and a process that watches it.
	c := command(ctx, "git", append([]string{"-c", "core.splitIndex=false", "-c", "core.fsmonitor=false"}, args...)...)
	c.Dir = dir
	// No prompt for a password in the middle of a run; no lock for what only refreshes the user's index.
	c.Env = append(withoutGit(c.Environ()), append(env, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := untilItEnds(c)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(lastLines(said.String())))
	}
	return strings.TrimSpace(out.String()), nil
}

// told are the variables by which a hook or an alias of git tells the git in it of the user's checkout (git rev-parse
// --local-env-vars, but for the configuration: safe.directory may stand there).
var told = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_NAMESPACE", "GIT_QUARANTINE_PATH",
}

func withoutGit(env []string) []string {
	return slices.DeleteFunc(env, func(e string) bool {
		key, _, _ := strings.Cut(e, "=")
		return slices.Contains(told, key)
	})
}

// build runs the command.
func build(ctx context.Context, dir, commit, line string, out io.Writer) error {
	c := command(ctx, "/bin/sh", "-c", line)
	c.Dir = dir
	// No git looks for a repository above the tree, such as the user's where TMPDIR is in it.
	c.Env = append(withoutGit(c.Environ()), CommitVar+"="+commit, "PWD="+dir, "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	var said tail
	w := io.MultiWriter(&said, out)
	c.Stdout, c.Stderr = w, w
	err := untilItEnds(c)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("its build was ended: %w", ctx.Err())
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("its build, %q, has left a process that holds on to its output: let it end them", line)
	case err != nil && len(said.text) == 0:
		return fmt.Errorf("its build, %q: %w, and it has said nothing", line, err)
	case err != nil:
		return fmt.Errorf("its build, %q: %w; its last words:\n%s", line, err, lastLines(string(said.text)))
	}
	return nil
}

// patience is how long output is waited for when a command has ended: what it left in the background may hold it.
const patience = 5 * time.Second

// command is one that ends with ctx, and all of its process group. Where this process is killed it ends as well; what it has
// started itself comes to its own end.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = patience
	return c
}

// untilItEnds keeps the thread that starts a command until that has ended: the kernel takes the thread's end for its parent's
// (prctl(2), PR_SET_PDEATHSIG).
func untilItEnds(c *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return c.Run()
}

const (
	mostLines = 20
	mostTail  = 64 << 10
)

// tail keeps the end of what is written.
type tail struct{ text []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	if over := len(t.text) - mostTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}

// lastLines is the end of a text.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-mostLines):], "\n")
}

// remove takes a tree away, with what a build has made read-only: go's module cache is.
func remove(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
