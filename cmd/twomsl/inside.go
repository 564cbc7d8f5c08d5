package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"twomsl/internal/assay"
	"twomsl/internal/foreign"
	"twomsl/internal/lab"
	"twomsl/internal/peer"
)

// The commands by which the program starts itself again inside a lab. Nobody types them.
const (
	initCommand = "lab-init"
	peerCommand = "peer"
	assayPeer   = "assay"
	rootCommand = "server-root"
)

// selfExe is this very program, whatever has become of its file.
const selfExe = "/proc/self/exe"

// program is how a lab starts this program again. The path that the user knows is preferred, so that `ps` shows it;
// where another program stands there by now, such as a newer build, the kernel still has this one.
func program() lab.Program {
	path, err := os.Executable()
	there, thereErr := os.Stat(path)
	self, selfErr := os.Stat(selfExe)
	if err != nil || thereErr != nil || selfErr != nil || !os.SameFile(there, self) {
		path = selfExe
	}
	return lab.Program{Path: path, Init: []string{initCommand}, Peer: []string{peerCommand}, Root: []string{rootCommand}}
}

var errInside = errors.New("this command is started by twomsl itself, inside a lab")

func newLabInit() *cobra.Command {
	return &cobra.Command{
		Use: initCommand, Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if code := lab.Init(); code != 0 {
				return failed(errInside)
			}
			return nil
		},
	}
}

func newPeer() *cobra.Command {
	return &cobra.Command{
		Use: peerCommand + " SIDE", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			conn, err := peer.Inherited(lab.ControlFD)
			if err != nil {
				return failed(fmt.Errorf("%w: %w", errInside, err))
			}
			if err := peer.Serve(conn); err != nil {
				return failed(fmt.Errorf("%s: %w", args[0], err))
			}
			return nil
		},
	}
}

// newServerRoot is how a command comes into a root of its own, see internal/foreign.
func newServerRoot() *cobra.Command {
	return &cobra.Command{
		Use: rootCommand, Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := foreign.Enter(); err != nil {
				return failed(fmt.Errorf("%w: %w", errInside, err))
			}
			return failed(nil) // who started it has been told why
		},
	}
}

// assayProgram is how a lab starts this program again for an assay.
func assayProgram() lab.Program {
	p := program()
	p.Peer = []string{assayPeer}
	return p
}

func newAssay() *cobra.Command {
	return &cobra.Command{
		Use: assayPeer + " SIDE", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			conn, err := peer.Inherited(lab.ControlFD)
			if err != nil {
				return failed(fmt.Errorf("%w: %w", errInside, err))
			}
			if err := assay.Serve(conn); err != nil {
				return failed(fmt.Errorf("%s: %w", args[0], err))
			}
			return nil
		},
	}
}
