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

// TestMain keeps the tests quick: a few rollouts of the simulation, unless
// -rapid.checks says how many, and no log unless -v asks for it.
func TestMain(m *testing.M) {
	flag.Parse()
	checks := false
	flag.Visit(func(f *flag.Flag) { checks = checks || f.Name == "rapid.checks" })
	if !checks {
		if err := flag.Set("rapid.checks", "30"); err != nil {
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
