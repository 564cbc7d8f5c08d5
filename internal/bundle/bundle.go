// Package bundle is an image on disk, laid out as an OCI runtime bundle: a directory with a root file system and, beside
// it, config.json, which says how its command runs (opencontainers/runtime-spec, bundle.md, config.md). Other tools make
// them too: umoci unpack. Of config.json only what a command needs is read and written.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// The names in a bundle.
const (
	ConfigFile = "config.json"
	RootFS     = "rootfs"
)

// Config is config.json.
type Config struct {
	Version string  `json:"ociVersion"`
	Process Process `json:"process"`
	Root    Root    `json:"root"`
}

// Root is where the files are, from the bundle.
type Root struct {
	Path string `json:"path"`
}

// Process is how the image's command runs.
type Process struct {
	User User     `json:"user"`
	Args []string `json:"args"`
	Env  []string `json:"env"`
	Dir  string   `json:"cwd"`
}

// User is who runs it, by numbers of the image.
type User struct {
	UID    int   `json:"uid"`
	GID    int   `json:"gid"`
	Groups []int `json:"additionalGids,omitempty"`
}

// defaultPath is PATH where an image names none, as docker and podman have it.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Plain is a directory that is nothing but a root file system: its command runs as root, in /.
func Plain() Process { return Process{Env: []string{defaultPath, "HOME=/root"}, Dir: "/"} }

// version is that of the runtime spec that these few fields stand in; they are the same in all 1.x.
const version = "1.0.2"

// Write lays config.json down beside the root file system. It is the last thing that a bundle gets: one without it was
// never finished.
func Write(dir string, p Process) error {
	text, err := json.MarshalIndent(Config{Version: version, Process: p, Root: Root{Path: RootFS}}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ConfigFile), append(text, '\n'), 0o644)
}

// Open gives the root file system in dir, and how a command runs in it: dir is a bundle, or the root file system itself.
func Open(dir string) (root string, p Process, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", p, err
	}
	if !info.IsDir() {
		return "", p, &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a directory")}
	}
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	rootfs := filepath.Join(dir, RootFS)
	if info, statErr := os.Lstat(rootfs); statErr != nil || !info.IsDir() {
		return dir, Plain(), nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", p, fmt.Errorf("%s has %s and no %s: it was not unpacked to its end; remove it, and unpack the image again", dir, RootFS, ConfigFile)
	}
	if err != nil {
		return "", p, err
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return "", p, fmt.Errorf("%s: %w", filepath.Join(dir, ConfigFile), err)
	}
	if c.Root.Path != RootFS {
		return "", p, fmt.Errorf("%s: its root is %q: only %q, beside it, is read here", filepath.Join(dir, ConfigFile), c.Root.Path, RootFS)
	}
	if c.Process.Dir == "" || !path.IsAbs(c.Process.Dir) {
		c.Process.Dir = "/"
	}
	return rootfs, c.Process, nil
}
