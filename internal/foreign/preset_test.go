//go:build linux

package foreign

import (
	"net/netip"
	"strings"
	"testing"
)

// A program that is not there is named with its package, before anything is started; any other line is nobody's business here.
func TestInstalled(t *testing.T) {
	presets["missing"] = preset{program: "no-such-program", pkg: "its-package", server: "nginx-server.conf"}
	defer delete(presets, "missing")
	if err := Installed("@missing"); err == nil || err.Error() != "no-such-program is not installed: apt-get install its-package" {
		t.Error(err)
	}
	for _, line := range []string{"", "no-such-program -d", "missing", "@unknown"} {
		if err := Installed(line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// Every configuration is filled in whole, with addresses of either family where the program reads them.
func TestConfigurationsAreFilledIn(t *testing.T) {
	for name, p := range presets {
		for _, to := range []struct {
			file   string
			server netip.AddrPort
		}{{p.server, netip.AddrPort{}}, {p.proxy, netip.MustParseAddrPort("[fd00::2]:8081")}} {
			if to.file == "" {
				continue
			}
			presets["here"] = preset{program: "true", server: p.server, proxy: p.proxy, args: p.args, files: p.files}
			r, err := Options{Name: "x", Line: "@here", Listen: netip.MustParseAddrPort("[fd00::1]:8080"), Server: to.server}.prepared()
			delete(presets, "here")
			if err != nil {
				t.Fatalf("@%s: %v", name, err)
			}
			text := r.Files[conf]
			if strings.Contains(text, "{{") || strings.Contains(text, "<no value>") || strings.Contains(text, "invalid") || !strings.Contains(text, "[fd00::1]:8080") {
				t.Errorf("@%s:\n%s", name, text)
			}
			if to.server.IsValid() && !strings.Contains(text, "fd00::2") {
				t.Errorf("@%s does not name the server:\n%s", name, text)
			}
		}
	}
}

// A name without a configuration for the part is refused, and starts nothing.
func TestNoSuchConfiguration(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:8080")
	for _, o := range []Options{
		{Name: "server.command", Line: "@squid", Listen: at},
		{Name: "server.command", Line: "@", Listen: at},
		{Name: "relay.command", Line: "@apache", Listen: at, Server: at},
	} {
		if _, err := Start(o); err == nil || !strings.Contains(err.Error(), o.Name) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
