//go:build linux

package peer

import (
	"net/netip"
	"reflect"
	"testing"
)

// Take turns connections round, as their other end has them, and leaves the rest.
func TestTake(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	list := []Ends{
		{Local: b, Remote: a, Ports: []uint32{8080<<16 | 1024, 8080<<16 | 1025, 8080<<16 | 65535}},
		{Local: a, Remote: b, Ports: []uint32{1<<16 | 2}},
	}
	if n := Connections(list); n != 4 {
		t.Errorf("%d connections", n)
	}
	first := Take(&list, 2)
	if want := []Ends{{Local: a, Remote: b, Ports: []uint32{1024<<16 | 8080, 1025<<16 | 8080}}}; !reflect.DeepEqual(first, want) {
		t.Errorf("the first two: %v", first)
	}
	rest := Take(&list, 10)
	want := []Ends{{Local: a, Remote: b, Ports: []uint32{65535<<16 | 8080}}, {Local: b, Remote: a, Ports: []uint32{2<<16 | 1}}}
	if !reflect.DeepEqual(rest, want) || len(list) != 0 {
		t.Errorf("the rest: %v, and %v is left", rest, list)
	}
	if none := Take(&list, 1); none != nil {
		t.Errorf("of none: %v", none)
	}
}
