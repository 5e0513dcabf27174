// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func example() product {
	return product{
		name: "sluice-controller:dev", version: "v1.2.3", revision: "0123abc", created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		programs: []program{{"linux/amd64", []byte("for amd64")}, {"linux/arm64", []byte("for arm64")}},
	}
}

func written(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	if _, err := example().write(file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEqualInputsMakeEqualBytes(t *testing.T) {
	t.Parallel()
	a, err1 := os.ReadFile(written(t))
	b, err2 := os.ReadFile(written(t))
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
		t.Fatalf("two archives of one product differ, or cannot be read: %v", err)
	}
}

func TestLayoutHasAnImagePerPlatform(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unpack(t, written(t), dir)
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := root.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := top.Manifests[0].Annotations["org.opencontainers.image.ref.name"]; got != "dev" {
		t.Errorf("the index is named %q, want dev", got)
	}
	index, err := root.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		check(t, image, m.Platform)
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms are %v, want %v", platforms, want)
	}
}

// check that an image runs the program of its platform as nobody.
func check(t *testing.T, image v1.Image, platform *v1.Platform) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != platform.Architecture || config.Config.User != user || config.Config.Labels["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("%s: configured as %+v", platform, config)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%s: %d layers, want 1 (%v)", platform, len(layers), err)
	}
	files, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(files)
	header, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if "/"+header.Name != config.Config.Entrypoint[0] || header.Mode != 0o555 || string(content) != "for "+platform.Architecture {
		t.Errorf("%s: has %s (%o) with %q", platform, header.Name, header.Mode, content)
	}
}

func TestDockerReadsTheFirstPlatform(t *testing.T) {
	t.Parallel()
	tag, err := name.NewTag("sluice-controller:dev")
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(written(t), &tag)
	if err != nil {
		t.Fatal(err)
	}
	check(t, image, &v1.Platform{OS: "linux", Architecture: "amd64"})
}

func unpack(t *testing.T, file, dir string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(header.Name))
		content, err := io.ReadAll(r)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}
