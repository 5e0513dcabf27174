package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	playground "github.com/sluice-rollouts/sluice/hack/playground"
	"github.com/sluice-rollouts/sluice/hack/playground/netns"
)

const aboutUp = `
playground up runs etcd, kube-apiserver, kube-controller-manager and a node until
it gets SIGINT or SIGTERM, or one of them ends by itself (then it exits with 1).

Once all of it is ready, it prints one JSON object to stdout, and nothing else:

  kubeconfig  file with the rights of an administrator
  apiServer   URL
  token       of an administrator
  caFile      certificate of the API server
  etcd        client URL, no credentials; inside the namespace only
  dir         data folder; its logs/ has a log of each part, and it has a
              <user>.kubeconfig for sluice and for traefik
  version     of Kubernetes
  writes      with --record: file of JSON lines, each a change in etcd:
              {"revision":12,"type":"PUT"|"DELETE","key":"/registry/...","object":{...}}
  audit       with --audit: file of JSON lines, audit.k8s.io/v1 Events
  url         with --traefik: where Traefik takes requests

The same object is in playground.json of the data folder. Without --listen and
--traefik, pods report as running without serving anything, and no namespace is
needed.
`

type upOptions struct {
	playground.Options
	traefik, text bool
}

func up(ctx context.Context, args []string) (int, error) {
	var o upOptions
	f := flags("up", aboutUp)
	f.StringVar(&o.Dir, "dir", "", "data `folder`; by default a temporary one, removed at the end")
	f.StringVar(&o.BinDir, "bin", ownFolder(), "`folder` with kube-apiserver and the other programs")
	f.Var((*list)(&o.Manifests), "manifests", "`file` or folder to apply at the start, definitions first; may be repeated")
	f.BoolVar(&o.Record, "record", false, "write every change in etcd to a file")
	f.BoolVar(&o.Audit, "audit", false, "write every request to the API server to a file")
	f.BoolVar(&o.Listen, "listen", false, "pods serve on their own addresses; runs in a network namespace")
	f.BoolVar(&o.traefik, "traefik", false, "run Traefik as a data plane of the Gateway API; implies --listen")
	f.DurationVar(&o.Drain, "drain", 2*time.Second, "how long a pod told to stop goes on serving")
	f.BoolVar(&o.text, "text", false, "print text for people in place of JSON")
	if err := parse(f, args); err != nil {
		return 1, err
	}
	o.Listen = o.Listen || o.traefik
	if o.Listen && !netns.IsInside() {
		return netns.Run(listeners)
	}
	return 0, o.run(ctx)
}

func (o upOptions) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	web := ""
	if o.Listen {
		var err error
		if o.APIServer, web, err = enter(ctx); err != nil {
			return err
		}
	}
	p, err := playground.Start(ctx, o.Options)
	if err != nil {
		return err
	}
	defer p.Stop()
	if o.traefik {
		if _, err := p.StartTraefik(ctx, web); err != nil {
			return err
		}
	}
	if err := tell(os.Stdout, p.Info, o.text); err != nil {
		return err
	}
	select {
	case err := <-p.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
}

func tell(out io.Writer, info playground.Info, text bool) error {
	if !text {
		lines := json.NewEncoder(out)
		lines.SetIndent("", "  ")
		return lines.Encode(info)
	}
	_, err := fmt.Fprintf(out, "Kubernetes %s is running, until you press Ctrl-C. To use it:\n\n  export KUBECONFIG=%s\n\n", info.Version, info.Kubeconfig)
	if err == nil && info.URL != "" {
		_, err = fmt.Fprintf(out, "Traefik takes requests at %s, for Gateways that listen on that port.\n", info.URL)
	}
	return err
}
