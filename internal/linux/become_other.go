//go:build linux && !amd64 && !arm64

package linux

// auditArch is none that any call has: the filter then lets all through.
const auditArch = 0

var chowns []uint32
