package main

import "runtime/debug"

// released is the version that scripts/release writes in when it links. The Go tool's own stamp, which is read otherwise, is
// missing from what is built in a worktree of git.
var released string

// version is the release's, or the module's as the Go tool stamped it, or "devel".
func version() string {
	if released != "" {
		return released
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
