//go:build linux

package trial

import (
	"testing"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

const lossy = 20 // connections of data-loss

// lossTrial runs data-loss and holds what every such run must show: the sums of either direction, every connection
// matched, and the declaration of its way to close.
func lossTrial(t *testing.T, overrides ...string) *record.Trial {
	t.Helper()
	got := runTrial(t, start(t, "data-loss", append(overrides, "client.timeout=20s", "sysctl.both.net.ipv4.tcp_rfc1337=1")...), Options{})
	b := got.Bytes
	if b.ToServer == nil || b.ToClient == nil || b.ByConnection == nil || b.Lost == nil {
		t.Fatalf("bytes: %+v", b)
	}
	for way, d := range map[string]*record.Direction{"to the server": b.ToServer, "to the client": b.ToClient} {
		if d.Lost != d.Written-d.Read || d.Written == 0 {
			t.Errorf("%s: %+v", way, *d)
		}
	}
	if *b.Lost != b.ToServer.Lost+b.ToClient.Lost || *b.Lost != b.Written-b.Read {
		t.Errorf("lost %d of %d written, %d read; to the server %+v, to the client %+v", *b.Lost, b.Written, b.Read, *b.ToServer, *b.ToClient)
	}
	if by := b.ByConnection; by.Metered != lossy || by.Unmatched != 0 || by.NotMetered != 0 {
		t.Errorf("by connection: %+v", *by)
	}
	agrees(t, got)
	return got
}

// A reset after a large response that write() took loses some of it in every connection, and the server counts each of
// them as sent; the client's errno is all that tells.
func TestNetNSResetLosesWhatServerWrote(t *testing.T) {
	t.Parallel()
	for _, family := range scenario.Families {
		t.Run(string(family), func(t *testing.T) {
			t.Parallel()
			got := lossTrial(t, "family="+string(family))
			d, by := got.Bytes.ToClient, got.Bytes.ByConnection
			if d.Written != lossy*64<<10 || d.Lost <= 0 || got.Bytes.ToServer.Lost != 0 {
				t.Errorf("to the client %+v, to the server %+v", *d, *got.Bytes.ToServer)
			}
			if by.WithLoss != lossy || by.MostLost <= 0 || by.MostLost > 64<<10 || by.MostLost*lossy < d.Lost {
				t.Errorf("by connection: %+v of %d lost", *by, d.Lost)
			}
			if outcome(got, "read", "ECONNRESET") != lossy || sideOK(got, "server") != lossy || got.Connections.Failed != lossy {
				t.Errorf("outcomes: %+v", got.Outcomes)
			}
			if got.Close.Seen.Server.Lost != d.Lost || got.Close.Seen.Client.Lost != 0 {
				t.Errorf("seen: %+v", got.Close.Seen)
			}
		})
	}
}

func sideOK(t *record.Trial, side string) (n int64) {
	for _, o := range t.Outcomes {
		if o.Side == side && o.Cause == string(record.OK) {
			n += o.Count
		}
	}
	return n
}

// A client that resets has had its response by then, and so the server the whole request, however large.
func TestNetNSResetAfterResponseLosesNothing(t *testing.T) {
	t.Parallel()
	got := lossTrial(t, "close.side=client", "payload.request=64KiB", "payload.response=64B")
	if *got.Bytes.Lost != 0 || got.Bytes.ToServer.Written != lossy*64<<10 || got.Connections.OK != lossy {
		t.Errorf("bytes %+v, to the server %+v, connections %+v", got.Bytes, *got.Bytes.ToServer, got.Connections)
	}
}

// A FIN loses nothing, however much is queued, whether close() waits for it or not; not even over a slow link.
func TestNetNSFINLosesNothing(t *testing.T) {
	t.Parallel()
	for _, overrides := range [][]string{
		{"close.how=fin"},
		{"close.how=graceful"},
		{"close.how=linger=2"},
		{"close.how=fin", "family=ipv6"},
		{"close.how=fin", "close.side=client"},
		{"close.how=fin", "close.side=both"},
	} {
		t.Run(overrides[0]+overrides[len(overrides)-1], func(t *testing.T) {
			t.Parallel()
			got := lossTrial(t, append(overrides, "payload.request=8KiB")...)
			if b := got.Bytes; *b.Lost != 0 || b.ByConnection.WithLoss != 0 || b.ByConnection.MostLost != 0 ||
				b.ToServer.Written != lossy*8<<10 || b.ToClient.Read != lossy*64<<10 {
				t.Errorf("%+v, by connection %+v", b, *b.ByConnection)
			}
			full := float64(got.Bytes.ToClient.Read)*8/20e6 >= got.Phases.LoadSeconds/2 // a busy machine may need longer
			if got.Connections.OK != lossy || full && got.Rate.LimitedBy != byLink {
				t.Errorf("connections %+v, limited by %s: %s", got.Connections, got.Rate.LimitedBy, got.Rate.LimitedWhy)
			}
		})
	}
}

// What the closer leaves unread is lost to whoever wrote it: 64 bytes in each connection, and exactly these.
func TestNetNSUnreadIsLost(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"server", "client"} {
		for _, family := range scenario.Families {
			t.Run(side+" "+string(family), func(t *testing.T) {
				t.Parallel()
				got := lossTrial(t, "close.how=unread", "close.side="+side, "payload.response=64B", "family="+string(family))
				hit, spared := got.Bytes.ToServer, got.Bytes.ToClient
				if side == "client" {
					hit, spared = spared, hit
				}
				if hit.Lost != 64*lossy || spared.Lost != 0 {
					t.Errorf("to the %s %+v, the other way %+v", side, *hit, *spared)
				}
				if by := got.Bytes.ByConnection; by.WithLoss != lossy || by.MostLost != 64 {
					t.Errorf("by connection: %+v", *by)
				}
			})
		}
	}
}
