//go:build linux

package main

import "testing"

func TestControlPortIsOptional(t *testing.T) {
	for listen, want := range map[string]string{
		"192.0.2.7": "192.0.2.7:7000", "192.0.2.7:81": "192.0.2.7:81", "::1": "[::1]:7000", "[::1]": "[::1]:7000", "[::1]:81": "[::1]:81",
		"0.0.0.0": "0.0.0.0:7000", ":81": ":81", "host:81": "host:81", "7000": "7000", "host": "host",
	} {
		if got := controlAt(listen); got != want {
			t.Errorf("%s: %s, not %s", listen, got, want)
		}
	}
}
