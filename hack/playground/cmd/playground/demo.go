package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"

	"github.com/sluice-rollouts/sluice/hack/playground/demo"
	"github.com/sluice-rollouts/sluice/hack/playground/netns"
)

const aboutDemo = `
playground demo releases a shop with real traffic: v2 step by step, then a bad v3
that is aborted. It exits with 0 only if no request failed but by v3's own errors,
and each share of the traffic was within 3 points of the wanted one.
`

func runDemo(ctx context.Context, args []string) (int, error) {
	var o demo.Options
	f := flags("demo", aboutDemo)
	f.StringVar(&o.Playground.BinDir, "bin", ownFolder(), "`folder` with kube-apiserver, traefik, sluice-controller and the others")
	f.StringVar(&o.Source, "source", ".", "root `folder` of the repository, whose manifests are applied")
	f.IntVar(&o.Rate, "rate", 240, "requests per second")
	f.BoolVar(&o.Keep, "keep", false, "go on at the end, until Ctrl-C")
	f.DurationVar(&o.Playground.Drain, "drain", 2*time.Second, "how long a pod told to stop goes on serving")
	if err := parse(f, args); err != nil {
		return 1, err
	}
	if !netns.IsInside() {
		return netns.Run(listeners)
	}
	var err error
	if o.Playground.APIServer, o.Web, err = enter(ctx); err != nil {
		return 1, err
	}
	if o.Playground.Dir, err = os.MkdirTemp("", "sluice-demo-"); err != nil {
		return 1, fmt.Errorf("make a data folder: %w", err)
	}
	if err := quiet(filepath.Join(o.Playground.Dir, "playground.log")); err != nil {
		return 1, err
	}
	kept, err := demo.Run(ctx, os.Stdout, o)
	brokenOff := err != nil && ctx.Err() != nil
	if kept || brokenOff {
		os.RemoveAll(o.Playground.Dir)
	} else {
		fmt.Fprintf(os.Stderr, "logs, and every write in writes.jsonl, are in %s\n", o.Playground.Dir)
	}
	if !kept {
		return 1, err
	}
	return 0, err
}

// quiet sends to a file what client libraries have to say: it would spoil the
// screen.
func quiet(file string) error {
	log, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("log of client libraries: %w", err)
	}
	klog.LogToStderr(false)
	klog.SetOutput(log)
	return nil
}
