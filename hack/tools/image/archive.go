// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// archive is the files of an OCI layout, by name.
type archive map[string][]byte

// write the archive to a file, and return the digest of the index.
func (p product) write(file string) (v1.Hash, error) {
	index, images, err := p.index()
	if err != nil {
		return v1.Hash{}, err
	}
	digest, err := index.Digest()
	if err != nil {
		return v1.Hash{}, err
	}
	a := archive{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	for _, image := range images {
		if err := a.addImage(image); err != nil {
			return v1.Hash{}, err
		}
	}
	raw, err := index.RawManifest()
	if err != nil {
		return v1.Hash{}, err
	}
	a.addBlob(digest, raw)
	if err := errors.Join(a.addIndex(p.name, digest, int64(len(raw))), a.addDocker(p.name, images[0])); err != nil {
		return v1.Hash{}, err
	}
	var out bytes.Buffer
	if err := a.tar(&out, p.created); err != nil {
		return v1.Hash{}, err
	}
	return digest, os.WriteFile(file, out.Bytes(), 0o644)
}

func blob(digest v1.Hash) string { return "blobs/" + digest.Algorithm + "/" + digest.Hex }

func (a archive) addBlob(digest v1.Hash, content []byte) { a[blob(digest)] = content }

func (a archive) addImage(image v1.Image) error {
	manifest, err1 := image.RawManifest()
	digest, err2 := image.Digest()
	config, err3 := image.RawConfigFile()
	configName, err4 := image.ConfigName()
	layers, err5 := image.Layers()
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	a.addBlob(digest, manifest)
	a.addBlob(configName, config)
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return err
		}
		compressed, err := layer.Compressed()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(compressed)
		if err := errors.Join(err, compressed.Close()); err != nil {
			return err
		}
		a.addBlob(digest, content)
	}
	return nil
}

// addIndex makes the table of contents: one image with a name, in full for
// containerd.
func (a archive) addIndex(name string, digest v1.Hash, size int64) error {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return err
	}
	tagged := reference.TagNameOnly(named)
	annotations := map[string]string{"io.containerd.image.name": tagged.String()}
	if t, ok := tagged.(reference.Tagged); ok {
		annotations["org.opencontainers.image.ref.name"] = t.Tag()
	}
	a["index.json"], err = json.Marshal(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex,
		Manifests: []v1.Descriptor{{MediaType: types.OCIImageIndex, Digest: digest, Size: size, Annotations: annotations}},
	})
	return err
}

// addDocker says the same of one image in the way that every docker load
// understands.
func (a archive) addDocker(name string, image v1.Image) error {
	configName, err := image.ConfigName()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	type entry struct {
		Config           string
		RepoTags, Layers []string
	}
	e := entry{Config: blob(configName), RepoTags: []string{name}}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return err
		}
		e.Layers = append(e.Layers, blob(digest))
	}
	a["manifest.json"], err = json.Marshal([]entry{e})
	return err
}

// tar writes the files in the order of their names.
func (a archive) tar(out io.Writer, at time.Time) error {
	w := tar.NewWriter(out)
	for _, name := range slices.Sorted(maps.Keys(a)) {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(a[name])), Mode: 0o644, ModTime: at, Format: tar.FormatPAX}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(a[name]); err != nil {
			return err
		}
	}
	return w.Close()
}
