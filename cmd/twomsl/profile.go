package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"
)

// profileFlag is for who works on this program, and hidden from who uses it.
func profileFlag(fs *pflag.FlagSet, path *string) {
	fs.StringVar(path, "cpuprofile", "", "write what each side's process spends its time on to `FILE`.client and FILE.server (go tool pprof)")
	fs.Lookup("cpuprofile").Hidden = true
}

// profileInto writes a side's profile beside the other's; nil where none is asked for.
func profileInto(path string) func(side string, data []byte) error {
	if path == "" {
		return nil
	}
	return func(side string, data []byte) error {
		if err := os.WriteFile(path+"."+side, data, 0o644); err != nil {
			return fmt.Errorf("cpu profile of the %s: %w", side, err)
		}
		return nil
	}
}
