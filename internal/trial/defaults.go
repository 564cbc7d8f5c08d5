//go:build linux

package trial

import (
	"context"

	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/scenario"
)

// LabDefaults makes a lab, and gives the settings that it starts with.
func LabDefaults(ctx context.Context, program lab.Program) (map[string]string, error) {
	l, err := lab.Start(scenario.Veth, program)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	hello, err := peer.NewRemote("client", l.Client.Control).Hello(ctx)
	return hello.Defaults, err
}
