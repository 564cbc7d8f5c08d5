//go:build linux

package facts

import (
	"testing"

	"twomsl/internal/linux"
)

// The TIME_WAIT that a host has from the connections it accepted, and closed first, stand at the port where it listens:
// they take none of the ports that it opens its own connections from, not even towards the same host.
func TestNetNSAcceptedTimeWaitTakesNoPort(t *testing.T) {
	t.Parallel()
	const accepted, size = 300, 100
	for name, pairOf := range families {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			towards := pairOf(t)
			proxy := towards.server
			towards.serve(8080).churn(accepted, (*conn).serverFirst)
			proxy.stands(inTimeWait(accepted))
			away := &pair{t: t, client: proxy, server: towards.client}
			away.noReuse()
			away.clientRange(40000, 40000+size-1)
			away.serve(8080).takes("opened by who has accepted", size, linux.EADDRNOTAVAIL)
			proxy.stands(inTimeWait(accepted + size))
		})
	}
}
