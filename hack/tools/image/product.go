// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// path of the program in the image; there is nothing else in it. It needs
	// no certificates: a pod is given those of its API server.
	path = "sluice-controller"
	// user is nobody in particular, and not root.
	user = "65532:65532"
)

// product is what an archive is made of.
type product struct {
	name, version, revision string
	created                 time.Time
	programs                []program
}

// program is the controller for one platform.
type program struct {
	platform string
	content  []byte
}

// index has an image for each platform; images has the same in order.
func (p product) index() (index v1.ImageIndex, images []v1.Image, err error) {
	if len(p.programs) == 0 {
		return nil, nil, errors.New("no program is given")
	}
	index = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, program := range p.programs {
		platform, err := v1.ParsePlatform(program.platform)
		if err != nil {
			return nil, nil, err
		}
		image, err := p.image(program.content, platform)
		if err != nil {
			return nil, nil, fmt.Errorf("image for %s: %w", platform, err)
		}
		images = append(images, image)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index, images, nil
}

func (p product) image(content []byte, platform *v1.Platform) (v1.Image, error) {
	files, err := p.files(content)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: p.created}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: created, CreatedBy: "hack/image.sh"}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant, config.Created = platform.OS, platform.Architecture, platform.Variant, created
	config.Config = v1.Config{User: user, Entrypoint: []string{"/" + path}, Labels: p.labels()}
	return mutate.ConfigFile(image, config)
}

// files is the file system of the image.
func (p product) files(content []byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Size: int64(len(content)), Mode: 0o555, ModTime: p.created, Format: tar.FormatPAX})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (p product) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":    "sluice-controller",
		"org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.version":  p.version,
		"org.opencontainers.image.revision": p.revision,
		"org.opencontainers.image.created":  p.created.UTC().Format(time.RFC3339),
	}
}
