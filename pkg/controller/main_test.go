// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"k8s.io/klog/v2"
)

// TestMain keeps the tests quick: the same few rollouts of the simulation each
// time, unless -rapid.checks says how many, and no log unless -v asks for it.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": "20", "rapid.seed": "1", "rapid.nofailfile": "true"} {
		if given["rapid.checks"] || given[name] {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	debug.SetGCPercent(400) // a world is small, and makes much garbage
	if !testing.Verbose() {
		klog.SetLogger(klog.Logger{}) // which discards
	}
	os.Exit(m.Run())
}
