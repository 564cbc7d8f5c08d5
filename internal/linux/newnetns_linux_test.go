//go:build linux

package linux

import (
	"net"
	"os"
	"testing"
)

// A new namespace is another one than the process's, has a lo of its own that is down, and is left alone by the rest of
// the process.
func TestNetNSNewNamespace(t *testing.T) {
	const here = "/proc/thread-self/ns/net"
	outside, err := os.Readlink(here)
	if err != nil {
		t.Fatal(err)
	}
	err = OnOwnThread(func() error {
		ns, err := NewNetNS()
		if err != nil {
			if os.Getenv("TWOMSL_REQUIRE_NETNS") == "1" {
				t.Error(err)
			}
			t.Logf("no network namespace can be made here: %v", err)
			return nil
		}
		defer ns.Close() //nolint:errcheck // the test is over
		other, err := NewNetNS()
		if err != nil {
			return err
		}
		defer other.Close() //nolint:errcheck // the test is over
		second, err := os.Readlink(here)
		if err != nil {
			return err
		}
		if err := ns.Enter(); err != nil {
			return err
		}
		first, err := os.Readlink(here)
		if first == second || first == outside || second == outside {
			t.Errorf("the namespaces are %s, %s and %s", outside, first, second)
		}
		links, linksErr := net.Interfaces()
		if linksErr != nil || len(links) == 0 || links[0].Flags&net.FlagUp != 0 {
			t.Errorf("the links of a new namespace: %+v, %v", links, linksErr)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if after, err := os.Readlink(here); err != nil || after != outside {
		t.Errorf("the test's thread is in %s now, %v; it was in %s", after, err, outside)
	}
}
