// Command mkimage NAME BINARY OUT.tar [ARG...] writes an OCI layout with one layer that holds /BINARY, for the test cluster's
// own image and for what its users have by way of programs.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
)

type m = map[string]any

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	name, bin, out := os.Args[1], os.Args[2], os.Args[3]
	base := filepath.Base(bin)
	var layer bytes.Buffer
	lt := tar.NewWriter(&layer)
	body := must(os.ReadFile(bin))
	lt.WriteHeader(&tar.Header{Name: base, Mode: 0o755, Size: int64(len(body)), Typeflag: tar.TypeReg})
	lt.Write(body)
	lt.WriteHeader(&tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir})
	lt.Close()

	f := must(os.Create(out))
	tw := tar.NewWriter(f)
	put := func(p string, b []byte) {
		tw.WriteHeader(&tar.Header{Name: p, Mode: 0o644, Size: int64(len(b)), Typeflag: tar.TypeReg})
		tw.Write(b)
	}
	blob := func(mt string, b []byte) m {
		s := sha256.Sum256(b)
		h := hex.EncodeToString(s[:])
		put("blobs/sha256/"+h, b)
		return m{"mediaType": mt, "digest": "sha256:" + h, "size": len(b)}
	}
	ld := blob("application/vnd.oci.image.layer.v1.tar", layer.Bytes())
	cd := blob("application/vnd.oci.image.config.v1+json", must(json.Marshal(m{
		"architecture": "amd64", "os": "linux",
		"config": m{"Entrypoint": append([]string{"/" + base}, os.Args[4:]...), "Env": []string{"PATH=/"}},
		"rootfs": m{"type": "layers", "diff_ids": []any{ld["digest"]}},
	})))
	md := blob("application/vnd.oci.image.manifest.v1+json", must(json.Marshal(m{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": cd, "layers": []any{ld},
	})))
	md["annotations"] = m{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
	put("index.json", must(json.Marshal(m{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []any{md}})))
	put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	tw.Close()
	f.Close()
}
