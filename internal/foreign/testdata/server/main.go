// Command server is what tests put into a root: it listens where it was told, and tells how it finds things.
package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
)

func facts() any {
	cwd, _ := os.Getwd()
	groups, _ := os.Getgroups()
	self, _ := os.Readlink("/proc/self")
	hosts, _ := os.ReadFile("/etc/hosts")
	status, _ := os.ReadFile("/proc/self/status")
	out := map[string]any{
		"uid": os.Getuid(), "gid": os.Getgid(), "groups": groups, "dir": cwd, "args": os.Args[1:], "env": os.Environ(),
		"pid": os.Getpid(), "self": self, "hosts": string(hosts), "caps": line(string(status), "CapEff:"),
	}
	var names []string
	entries, _ := os.ReadDir("/")
	for _, e := range entries {
		names = append(names, e.Name())
	}
	out["root"] = names
	writes := map[string]string{}
	for _, name := range []string{"/etc/new", "/tmp/new", "/run/new", "/var/log/app/new", "/dev/shm/new", "/dev/null", "/dev/stderr"} {
		writes[name] = "written"
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
		if err == nil {
			_, err = f.WriteString("x")
			f.Close()
		}
		if err != nil {
			writes[name] = err.Error()
		}
	}
	out["writes"] = writes
	out["chown"] = text(os.Chown("/tmp", 33, 33))
	out["remove"] = text(os.RemoveAll("/srv/data"))
	return out
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func line(s, key string) string {
	_, rest, _ := strings.Cut(s, key)
	first, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(first)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fail" {
		os.Stderr.WriteString("it was asked to\n")
		os.Exit(3)
	}
	found := facts()
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("well\n")) })
	http.HandleFunc("/facts", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(found) })
	if err := http.ListenAndServe(net.JoinHostPort(os.Getenv("TWOMSL_ADDRESS"), os.Getenv("TWOMSL_PORT")), nil); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
