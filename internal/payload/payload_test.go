package payload

import "testing"

// Sizes around the read buffer (64 KiB), the period (251) and nothing at all.
var sizes = []int64{0, 1, 2, 250, 251, 252, 65_535, 65_536, 65_537, 1 << 20}

func TestSizes(t *testing.T) {
	for _, n := range sizes {
		if got := int64(len(Request(n))); got != n {
			t.Errorf("a request of %d bytes has %d", n, got)
		}
		if got := int64(len(Response(n))); got != n {
			t.Errorf("a response of %d bytes has %d", n, got)
		}
	}
}

func TestRequestAndResponseDifferInEveryByte(t *testing.T) {
	a, b := Request(1000), Response(1000)
	for i := range a {
		if a[i] == b[i] {
			t.Fatalf("byte %d is %#x in both", i, a[i])
		}
	}
}

func TestMatchesPiecesInTheirPlaceOnly(t *testing.T) {
	p := Request(1000)
	for _, c := range []struct {
		name   string
		offset int
		got    []byte
		want   bool
	}{
		{"all of it", 0, p, true},
		{"nothing at the start", 0, nil, true},
		{"nothing at the end", 1000, nil, true},
		{"a piece", 300, p[300:700], true},
		{"the last byte", 999, p[999:], true},
		{"a byte too many", 999, append(p[999:1000:1000], p[0]), false},
		{"beyond the end", 1000, p[:1], false},
		{"a piece one byte late", 301, p[300:700], false},
		{"another's bytes", 0, Response(1000), false},
	} {
		if got := p.Matches(c.offset, c.got); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A block that is lost or said twice moves what follows by a power of two or by pages: that must not fit again.
func TestLostBlockShows(t *testing.T) {
	p := Response(1 << 20)
	for block := 1; block <= 1<<19; block *= 2 {
		if p.Matches(0, p[block:]) {
			t.Errorf("%d bytes can go missing unseen", block)
		}
	}
}

// One wrong byte anywhere is seen.
func TestWrongByteShows(t *testing.T) {
	p := Response(600)
	for i := range p {
		got := append([]byte(nil), p...)
		got[i]++
		if p.Matches(0, got) {
			t.Errorf("a wrong byte at %d matches", i)
		}
	}
}
