//go:build linux

package paired_test

import (
	"testing"

	"go.uber.org/goleak"

	"twomsl/internal/linux/nstest"
)

func TestMain(m *testing.M) {
	nstest.BenchInside()
	goleak.VerifyTestMain(m)
}
