// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Command image packs a static program into an image archive, without a
// container engine and without a base image. The archive is an OCI layout with
// an image per platform; Docker's own form of it is in there too. Equal inputs
// make equal bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var what product
	var created, out string
	f := flag.NewFlagSet("image", flag.ContinueOnError)
	f.StringVar(&what.name, "name", "", "`name:tag` of the image")
	f.StringVar(&what.version, "version", "", "version label")
	f.StringVar(&what.revision, "revision", "", "label for the commit")
	f.StringVar(&created, "created", "", "`time` of the commit, RFC 3339; every time in the image is this one")
	f.StringVar(&out, "out", "", "`file` to write")
	f.Usage = func() {
		_, _ = fmt.Fprintln(f.Output(), "usage: image FLAGS os/arch=PROGRAM...\n\nThe first platform is the one that docker load takes.")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	var err error
	if what.created, err = time.Parse(time.RFC3339, created); err != nil {
		return fmt.Errorf("--created: %w", err)
	}
	for _, arg := range f.Args() {
		platform, file, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not os/arch=PROGRAM", arg)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		what.programs = append(what.programs, program{platform, content})
	}
	digest, err := what.write(out)
	if err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	fmt.Println(digest)
	return nil
}
