//go:build linux

// Package labtest lets a test binary play the program that a lab starts again.
package labtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"twomsl/internal/foreign"
	"twomsl/internal/lab"
	"twomsl/internal/peer"
)

// Program is the test binary itself, as a lab's first process and as each peer. Its TestMain must call Main.
var Program = lab.Program{Path: "/proc/self/exe", Init: []string{"lab-init"}, Peer: []string{"peer"}, Root: []string{"server-root"}}

// Main is what a test binary's TestMain does: it runs the tests, or plays the part that it was started for, and gives the
// exit code. args are os.Args.
func Main(m *testing.M, args []string) int {
	os.Setenv("GORACE", "atexit_sleep_ms=0") // else every process of a lab takes a second to end under -race
	if len(args) > 1 {
		switch args[1] {
		case Program.Init[0]:
			return lab.Init()
		case Program.Peer[0]:
			return serve()
		case Program.Root[0]:
			if err := foreign.Enter(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			return 1
		}
		if !strings.HasPrefix(args[1], "-test.") {
			return 2 // never the tests again: a lab that starts itself would have no end
		}
	}
	return m.Run()
}

func serve() int {
	conn, err := peer.Inherited(lab.ControlFD)
	if err == nil {
		err = peer.Serve(conn)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
