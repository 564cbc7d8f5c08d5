// Command image puts static binaries into container images: an OCI layout with an index of all platforms, for each platform
// what `docker load` and `ctr images import` take, and, where asked for, a registry. It needs no daemon. The same binaries
// give the same digests.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nobody is whom distroless images call nonroot: a cluster that demands runAsNonRoot wants a number.
const nobody = 65532

// records is where the program is when it starts, and so where it keeps what it was not told to keep elsewhere.
const records = "records"

func main() {
	log.SetFlags(0)
	log.SetPrefix("image: ")
	dir := flag.String("dir", "dist", "where twomsl-linux-amd64 and twomsl-linux-arm64 are, and where the images go")
	version := flag.String("version", "devel", "what the images are labelled with")
	tag := flag.String("name", "localhost/twomsl:devel", "what the images are called in the files for docker load")
	push := flag.Bool("push", false, "put it into the registry of that name, with this user's login (docker login)")
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("%q: only flags are known", flag.Arg(0))
	}
	if err := run(*dir, *version, *tag, *push); err != nil {
		log.Fatal(err)
	}
}

func run(dir, version, tag string, push bool) error {
	ref, err := name.NewTag(tag)
	if err != nil {
		return fmt.Errorf("--name: %w", err)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := build(filepath.Join(dir, "twomsl-linux-"+arch), arch, version)
		if err != nil {
			return err
		}
		if err := tarball.WriteToFile(filepath.Join(dir, "twomsl-image-"+arch+".tar"), ref, img); err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	if err := lay(index, filepath.Join(dir, "image")); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	if push {
		if err := remote.WriteIndex(ref, index, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return fmt.Errorf("%s does not take it: log in (docker login), or name another registry: %w", ref, err)
		}
	}
	_, err = fmt.Printf("%s@%s\n", ref, digest)
	return err
}

// build is one platform's image: the program, a directory that it may write to, and nothing else.
func build(binary, arch, version string) (v1.Image, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("%w: make it by scripts/release", err)
	}
	files, err := archive(program)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Config = v1.Config{
		Entrypoint: []string{"/twomsl"}, User: fmt.Sprintf("%d:%[1]d", nobody), WorkingDir: "/" + records,
		Labels: map[string]string{"org.opencontainers.image.title": "twomsl", "org.opencontainers.image.version": version},
	}
	return mutate.ConfigFile(img, config)
}

// archive has no times and no names of users in it: they would be this machine's.
func archive(program []byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := errors.Join(
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "twomsl", Mode: 0o755, Size: int64(len(program))}),
		write(w, program),
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: records + "/", Mode: 0o755, Uid: nobody, Gid: nobody}),
		// for what is unpacked or kept for a moment; every program may expect it
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}),
		w.Close(),
	)
	return out.Bytes(), err
}

func write(w io.Writer, data []byte) error {
	_, err := w.Write(data)
	return err
}

// lay writes the layout anew: what an older one left there would be in it, too.
func lay(index v1.ImageIndex, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	// one entry, which is the index: tools that read a layout copy that entry, with both platforms
	at, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return at.AppendIndex(index)
}
