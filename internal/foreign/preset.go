//go:build linux

package foreign

import (
	"bytes"
	"embed"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/template"

	"twomsl/internal/linux"
)

// A command that begins with @ names a program of Debian's and a small configuration for it that comes with this one. It is
// written to memory in a mount namespace of the command's own, and ends with it: nothing of it is ever on the host.

// sigil is what such a name begins with.
const sigil = "@"

// preset is a program with its configurations.
type preset struct {
	program, pkg  string
	server, proxy string // files of presets; "": it is none
	args          []string
	files         map[string]string // beside the configuration
	passes        bool              // as a proxy it hands any bytes on; the others speak HTTP
	noRoot        bool              // it does not run as root, which an ordinary user's lab has no other user than
}

// conf is where the configuration lies.
const conf = "/tmp/conf"

// page is what servers answer: 63 bytes and a line's end.
var page = strings.Repeat("well ", 12) + "..."

var presets = map[string]preset{
	"apache": {
		program: "apache2", pkg: "apache2", server: "apache-server.conf", args: []string{"-f", conf, "-DFOREGROUND"},
		files: map[string]string{"/tmp/pages/index.html": page + "\n"},
	},
	"haproxy":     {program: "haproxy", pkg: "haproxy", server: "haproxy-server.conf", proxy: "haproxy-proxy.conf", args: []string{"-db", "-f", conf}},
	"haproxy-tcp": {program: "haproxy", pkg: "haproxy", proxy: "haproxy-tcp-proxy.conf", args: []string{"-db", "-f", conf}, passes: true},
	"nginx": {
		program: "nginx", pkg: "nginx-light", server: "nginx-server.conf", proxy: "nginx-proxy.conf", args: []string{"-c", conf},
		files: map[string]string{"/var/log/nginx/error.log": ""}, // opened before the configuration is read
	},
	"squid": {program: "squid", pkg: "squid", proxy: "squid-proxy.conf", args: []string{"-N", "-d", "1", "-f", conf}, noRoot: true},
}

//go:embed presets/*.conf
var configurations embed.FS

// Servers and Proxies list the names that stand for a configuration.
func Servers() []string { return withConf(func(p preset) string { return p.server }) }

// Proxies are those that pass on to another server.
func Proxies() []string { return withConf(func(p preset) string { return p.proxy }) }

// Passes are the proxies that hand any bytes on.
func Passes() []string {
	return withConf(func(p preset) string {
		if p.passes {
			return p.proxy
		}
		return ""
	})
}

func withConf(of func(preset) string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(presets)) {
		if of(presets[name]) != "" {
			out = append(out, sigil+name)
		}
	}
	return out
}

// path is where its program lies; Debian's servers are not in every user's PATH.
func (p preset) path() (string, error) {
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if at := filepath.Join(dir, p.program); executable(at) {
			return at, nil
		}
	}
	if at, err := exec.LookPath(p.program); err == nil {
		return at, nil
	}
	return "", fmt.Errorf("%s is not installed: apt-get install %s", p.program, p.pkg)
}

// Installed tells why the program that a line names by its configuration cannot be started; nil where it can be, and for
// any other line.
func Installed(line string) error {
	p, there := presets[strings.TrimPrefix(line, sigil)]
	if !strings.HasPrefix(line, sigil) || !there {
		return nil
	}
	_, err := p.path()
	return err
}

// ready is what Enter needs to become such a program.
type ready struct {
	Path  string            `json:"path"`
	Args  []string          `json:"args"`
	Files map[string]string `json:"files"`
	// NoRoot tells that it refuses to run as root.
	NoRoot bool `json:"no_root"`
}

// most are connections and descriptors that a configuration allows.
const mostConnections = 4000

// prepared fills a configuration in.
func (o Options) prepared() (*ready, error) {
	p, there := presets[strings.TrimPrefix(o.Line, sigil)]
	file := p.server
	if o.Server.IsValid() {
		file = p.proxy
	}
	if !there || file == "" {
		return nil, fmt.Errorf("%s %s: no such configuration", o.Name, o.Line)
	}
	path, err := p.path()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", o.Name, o.Line, err)
	}
	text, err := template.ParseFS(configurations, "presets/"+file)
	if err != nil {
		return nil, err
	}
	files, err := openFiles()
	if err != nil {
		return nil, err
	}
	var filled bytes.Buffer
	err = text.Execute(&filled, struct {
		Listen, Server            netip.AddrPort
		ServerAddress, ServerPort string
		Connections, Files        int
		Page                      string
	}{o.Listen, o.Server, o.Server.Addr().String(), fmt.Sprint(o.Server.Port()), min(mostConnections, files/3), files, page})
	if err != nil {
		return nil, err
	}
	r := ready{Path: path, Args: p.args, Files: map[string]string{conf: filled.String()}, NoRoot: p.noRoot}
	maps.Copy(r.Files, p.files)
	return &r, nil
}

// openFiles is how many descriptors a program may have; more than these configurations have a use for is not asked for.
func openFiles() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	return int(min(l.Max, 4*mostConnections)), nil
}

// inMemory are the directories that such a program writes to, or that its own defaults name.
var inMemory = []string{"/tmp", "/run", "/var/log", "/dev/shm"}

// carryOut becomes the program, in a mount namespace where all that it writes is in memory.
func (r *ready) carryOut(told []string) error {
	alone := linux.OnlyUser() // read while /proc is surely there
	if alone && r.NoRoot {
		return fmt.Errorf("%s does not run as root, and an ordinary user's lab has no other user: run this program as root", r.Path)
	}
	if err := linux.Apart(); err != nil {
		return err
	}
	for _, dir := range inMemory {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		if err := linux.MountTmpfs(dir, "mode=1777"); err != nil {
			return err
		}
	}
	for name, text := range r.Files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("its configuration: %w", err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return fmt.Errorf("its configuration: %w", err)
		}
	}
	if err := os.Chdir("/tmp"); err != nil {
		return err
	}
	if alone { // it cannot become another user, and would give up
		if err := linux.PretendOwners(); err != nil {
			return err
		}
	}
	env := append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}, told...)
	return fmt.Errorf("%s: %w", r.Path, syscall.Exec(r.Path, append([]string{r.Path}, r.Args...), env))
}
