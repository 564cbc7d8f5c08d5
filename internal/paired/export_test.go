//go:build linux

package paired

import "slices"

// OpenCrossed is Open with every connection steered to the listener of another worker than opens it.
func OpenCrossed(plan Plan) (*Pair, error) {
	return open(plan, func(cpus []int) []int {
		crossed := slices.Clone(cpus)
		slices.Reverse(crossed)
		return crossed
	})
}
