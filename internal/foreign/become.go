//go:build linux

package foreign

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/shell"

	"twomsl/internal/linux"
)

// carryOut enters the root and becomes the command.
func (o order) carryOut() error {
	alone := linux.OnlyUser() // read while /proc is surely there
	if err := o.enterRoot(); err != nil {
		return err
	}
	names()
	if err := os.MkdirAll(o.Process.Dir, 0o755); err != nil {
		return fmt.Errorf("its working directory: %w", err)
	}
	if err := os.Chdir(o.Process.Dir); err != nil {
		return fmt.Errorf("its working directory: %w", err)
	}
	env := o.environment()
	path, argv, err := o.words(env)
	if err != nil {
		return err
	}
	if err := o.become(alone); err != nil {
		return err
	}
	err = syscall.Exec(path, argv, env)
	if errors.Is(err, fs.ErrNotExist) { // the file is there: it was found
		return fmt.Errorf("%s cannot be run: the loader or interpreter that it names is not in this root (readelf -l, or its first line): %w",
			path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// names: there is nobody to ask for names in a lab, and the host's answers are not for here. Where the root is only read it
// keeps its own.
func names() {
	for name, text := range map[string]string{
		"/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n", "/etc/resolv.conf": "# a lab has no name server\n",
	} {
		_ = os.Mkdir("/etc", 0o755)
		_ = os.Remove(name) // a link to what only a running system has
		_ = os.WriteFile(name, []byte(text), 0o644)
	}
}

// environment is the image's, and where the command is to listen; nothing of this process's own.
func (o order) environment() []string {
	env := slices.DeleteFunc(slices.Clone(o.Process.Env), func(e string) bool {
		return strings.HasPrefix(e, AddressVar+"=") || strings.HasPrefix(e, PortVar+"=")
	})
	return append(env, o.Told...)
}

const shellPath = "/bin/sh"

// words are what is run: the root's own shell with the line, or where it has none the line taken apart, with what it asks of
// the environment filled in.
func (o order) words(env []string) (path string, argv []string, err error) {
	if executable(shellPath) {
		return shellPath, []string{"sh", "-c", o.Line}, nil
	}
	value := func(key string) string {
		for _, e := range slices.Backward(env) {
			if text, ok := strings.CutPrefix(e, key+"="); ok {
				return text
			}
		}
		return ""
	}
	argv, err = shell.Fields(o.Line, value)
	if err != nil {
		return "", nil, fmt.Errorf("server.command %q: there is no %s in this root, so it can be no more than a program and its "+
			"arguments: %w", o.Line, shellPath, err)
	}
	if len(argv) == 0 {
		return "", nil, fmt.Errorf("server.command %q comes to no words", o.Line)
	}
	path, err = find(argv[0], value("PATH"))
	return path, argv, err
}

// find looks a program up as a shell does.
func find(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		if info, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("server.command: %w", err)
		} else if info.IsDir() {
			return "", fmt.Errorf("server.command: %s is a directory", name)
		}
		return name, nil
	}
	for _, dir := range filepath.SplitList(path) {
		if at := filepath.Join(dir, name); executable(at) {
			return at, nil
		}
	}
	return "", fmt.Errorf("server.command: there is no %s in this root's PATH, %s", name, path)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// become makes this process the image's user's. An ordinary user's namespace has no other users: there the command stays
// this one, and what it does to become another goes unheard, since servers give up where it fails.
func (o order) become(alone bool) error {
	if alone {
		return linux.PretendOwners()
	}
	u := o.Process.User
	if u.UID == 0 && u.GID == 0 && len(u.Groups) == 0 {
		return nil
	}
	// It opens /dev/stderr anew, which is a pipe that only its owner may open.
	_ = linux.GiveFD(int(os.Stderr.Fd()), u.UID, u.GID)
	return linux.Become(u.UID, u.GID, u.Groups)
}

// likewise gives a file the rights of another, and its owner where this user may.
func likewise(name string, info fs.FileInfo) error {
	err := os.Chmod(name, info.Mode().Perm()|info.Mode()&fs.ModeSticky)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if e := os.Lchown(name, int(st.Uid), int(st.Gid)); !errors.Is(e, fs.ErrPermission) && !errors.Is(e, syscall.EINVAL) {
			err = errors.Join(err, e)
		}
	}
	return err
}
