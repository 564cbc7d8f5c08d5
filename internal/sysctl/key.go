package sysctl

import (
	"fmt"
	"path/filepath"
	"strings"
)

// swapSeparators turns the dotted form into a path and back.
var swapSeparators = strings.NewReplacer(".", "/", "/", ".")

// canonical gives a key its dotted form. As in sysctl(8), the first separator decides: where it is a slash, the dots
// that follow belong to names.
func canonical(key string) string {
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '/' {
		return swapSeparators.Replace(key)
	}
	return key
}

// checkKey says what is wrong with a key (in either form) and at which byte; -1 where nothing is.
func checkKey(key string) (at int, what string) {
	for i, r := range key {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '_', r == '-', r == '.', r == '/':
		case 'A' <= r && r <= 'Z' && !strings.HasPrefix(key, "net"): // kernel.numa_balancing_promote_rate_limit_MBps
		case r == '*' || r == '?' || r == '[':
			return i, "patterns are not taken: write one line for each key"
		case r > '~':
			return i, fmt.Sprintf("the character %U does not belong into a key (pasted from a web page?)", r)
		default:
			return i, fmt.Sprintf("%q does not belong into a key", r)
		}
	}
	if key == "" {
		return 0, "there is no key before the ="
	}
	if key[0] == '-' {
		return 0, "one - before a key is enough"
	}
	if !strings.ContainsAny(key, "./") {
		return 0, "a key has at least one dot (net.ipv4. is missing?)"
	}
	from := 0
	for name := range strings.SplitSeq(swapSeparators.Replace(canonical(key)), "/") {
		if name == "" {
			return min(from, len(key)-1), "a name is missing beside the separator"
		}
		if name == "." || name == ".." {
			return from, "a key never leaves its place: a name cannot be . or .."
		}
		from += len(name) + 1
	}
	return -1, ""
}

// path is the file of a key below root, for keys of the kind that checkKey lets through.
func path(root, key string) (string, error) {
	if _, what := checkKey(key); what != "" {
		return "", fmt.Errorf("%q is not a key: %s", key, what)
	}
	if root == "" {
		root = DefaultRoot
	}
	return filepath.Join(root, swapSeparators.Replace(canonical(key))), nil
}
