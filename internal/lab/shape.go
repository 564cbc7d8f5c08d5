//go:build linux

package lab

import "twomsl/internal/scenario"

var _ scenario.Link // Shape(l scenario.Link) error comes here
