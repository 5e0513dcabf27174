package demo

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"

	playground "github.com/sluice-rollouts/sluice/hack/playground"
)

const (
	replicas = 4
	// A pod can carry so many times its fair share: enough for the unevenness
	// of a step, too little for weight that comes before its pods.
	headroom = 1.3

	controllerNamespace = "sluice-system"
	controllerAccount   = "sluice-controller"
)

// Options say what to run, and where.
type Options struct {
	Playground playground.Options // BinDir has Traefik and the controller too
	Source     string             // root of the repository: its manifests are applied
	Web        string             // address on which Traefik takes requests
	Rate       int                // requests per second
	Keep       bool               // go on after the end, until the context ends
}

// stage is all that runs: control plane, data plane, controller, shop, traffic.
type stage struct {
	*shop
	p          *playground.Playground
	options    Options
	traefik    *playground.Traefik
	kubeconfig string // of the controller
	controller *playground.Process
	tally      *tally
	stopLoad   func()
}

// build starts everything but the shop. What was started ends with close, also
// after an error.
func (s *stage) build(ctx context.Context, say func(string, ...any)) error {
	o := s.options.Playground
	o.Listen = true
	o.Record = true
	o.Manifests = []string{filepath.Join(s.options.Source, "hack/playground/crds/gateway-api")}
	say("starting etcd, kube-apiserver and kube-controller-manager")
	var err error
	if s.p, err = playground.Start(ctx, o); err != nil {
		return err
	}
	if s.shop, err = newShop(s.p); err != nil {
		return err
	}
	say("Kubernetes %s is ready; starting Traefik", s.p.Version)
	if s.traefik, err = s.p.StartTraefik(ctx, s.options.Web); err != nil {
		return err
	}
	say("starting sluice-controller, with the rights of manifests/install.yaml")
	s.kubeconfig, err = s.p.Install(ctx, filepath.Join(s.options.Source, "manifests/install.yaml"), controllerNamespace, controllerAccount)
	if err != nil {
		return err
	}
	return s.startController()
}

// startController runs the controller as in a cluster, but for its ports.
func (s *stage) startController() error {
	var err error
	s.controller, err = s.p.Run("sluice-controller", filepath.Join(s.options.Playground.BinDir, "sluice-controller"),
		"--kubeconfig="+s.kubeconfig,
		"--leader-elect=true",
		"--lease-namespace="+controllerNamespace,
		"--metrics-address=",
		"--health-address=",
		"-v=2",
	)
	return err
}

// values of a version of the shop.
func (s *stage) values(version string, failRate float64) values {
	return values{
		Port:     playground.Port(s.traefik.URL),
		Replicas: replicas,
		Version:  version,
		MaxRPS:   perPod(s.options.Rate),
		FailRate: failRate,
	}
}

// perPod is what a pod can carry. At 240 requests per second each of 4 pods has
// a fair share of 60, and can carry 78.
func perPod(rate int) int { return int(headroom * float64(rate) / replicas) }

// send starts the traffic, until close.
func (s *stage) send(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { newLoad(s.traefik.URL, s.options.Rate, s.tally).run(ctx) })
	s.stopLoad = sync.OnceFunc(func() { cancel(); done.Wait() })
}

// answers tells whether the shop answers a first request.
func (s *stage) answers(ctx context.Context) bool {
	a := newLoad(s.traefik.URL, 1, s.tally).send(ctx, false)
	return a.err == nil && a.status == http.StatusOK
}

// close ends the traffic first: what ends under it would count as failed.
func (s *stage) close() {
	if s.stopLoad != nil {
		s.stopLoad()
	}
	if s.p != nil {
		s.p.Stop()
	}
}

// scene is what is seen at one moment.
type scene struct {
	rollout rollout
	pods    map[string]podCount
	served  served
	window  counts
	totals  totals
}

func (s *stage) look(ctx context.Context) (scene, error) {
	var now scene
	var err error
	if now.rollout, err = s.rollout(ctx); err != nil {
		return now, err
	}
	if now.pods, err = s.podsOf(ctx); err != nil {
		return now, err
	}
	if now.served, err = servedBy(ctx, s.traefik.API); err != nil {
		return now, err
	}
	now.window, now.totals = s.tally.read()
	return now, nil
}

func (s scene) String() string {
	return fmt.Sprintf("%s; Traefik serves %d:%d; pods: %v", s.rollout, s.served.stable, s.served.canary, s.pods)
}
