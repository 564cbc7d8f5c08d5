//go:build linux

package peer

import (
	"bytes"
	"fmt"
	"runtime/pprof"
)

// profile is where this process's processor time goes while the load runs, for who works on the engines.
type profile struct {
	wanted, on bool
	data       bytes.Buffer
}

func (p *profile) start() error {
	if !p.wanted {
		return nil
	}
	if err := pprof.StartCPUProfile(&p.data); err != nil {
		return fmt.Errorf("cpu profile: %w", err)
	}
	p.on = true
	return nil
}

// stop gives the profile, as `go tool pprof` reads it; nil where none was asked for.
func (p *profile) stop() []byte {
	if !p.on {
		return nil
	}
	p.on = false
	pprof.StopCPUProfile()
	return p.data.Bytes()
}
