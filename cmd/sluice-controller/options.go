// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/klog/v2"
)

// leaseName is that of the controller that Sluice takes over from, so that the
// two never run at once.
const leaseName = "argo-rollouts-controller-lock"

// serviceAccountNamespace tells a pod where it runs.
const serviceAccountNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

type options struct {
	kubeconfig, context string
	namespaces          []string
	instanceID          string
	workers             int
	qps                 float64
	burst               int
	resync              time.Duration
	settle, unacked     time.Duration
	ackTimeout          time.Duration
	leaderElect         bool
	leaseName           string
	leaseNamespace      string
	metrics, health     string
}

func parse(args []string) (options, error) {
	var o options
	var namespaces string
	f := flag.NewFlagSet("sluice-controller", flag.ContinueOnError)
	f.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "`file` to reach the cluster with; without one, the pod's own service account")
	f.StringVar(&o.context, "context", "", "context of the kubeconfig to use; the current one by default")
	f.StringVar(&namespaces, "namespaces", "", "comma-separated `list` of namespaces to act in; all by default")
	f.StringVar(&o.instanceID, "instance-id", "", "act only on Rollouts whose label argo-rollouts.argoproj.io/controller-instance-id has this value; without it, only on those without the label")
	f.IntVar(&o.workers, "workers", 4, "rollouts that each loop works on at once")
	f.Float64Var(&o.qps, "qps", 40, "requests per second to the API server, on average")
	f.IntVar(&o.burst, "burst", 80, "requests to the API server at once")
	f.DurationVar(&o.resync, "rollout-resync", 0, "plan every rollout again this often, without a cause; 0 for never")
	f.DurationVar(&o.settle, "settle-time", time.Second, "how long a weight that the data plane has acknowledged must stand before pods or selectors follow it")
	f.DurationVar(&o.unacked, "settle-time-unacknowledged", 5*time.Second, "the same for data planes that do not acknowledge")
	f.DurationVar(&o.ackTimeout, "ack-timeout", 0, "go on without an acknowledgement after this long; 0 for never")
	f.BoolVar(&o.leaderElect, "leader-elect", true, "act only while holding a lease, so that several replicas can run")
	f.StringVar(&o.leaseName, "lease-name", "", "`name` of the lease; "+leaseName+", with -<instance-id> where there is one, by default")
	f.StringVar(&o.leaseNamespace, "lease-namespace", "", "namespace of the lease; that of the pod, or argo-rollouts, by default")
	f.StringVar(&o.metrics, "metrics-address", ":8090", "`address` to serve /metrics on; empty for none")
	f.StringVar(&o.health, "health-address", ":8080", "`address` to serve /healthz and /readyz on; empty for none")
	klog.InitFlags(f)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see --help", f.Arg(0))
	}
	for n := range strings.SplitSeq(namespaces, ",") {
		if n = strings.TrimSpace(n); n != "" {
			o.namespaces = append(o.namespaces, n)
		}
	}
	if o.workers < 1 {
		return o, fmt.Errorf("--workers is %d; at least 1 is needed", o.workers)
	}
	o.completeLease()
	return o, nil
}

func (o *options) completeLease() {
	if o.leaseName == "" {
		o.leaseName = leaseName
		if o.instanceID != "" {
			o.leaseName += "-" + o.instanceID
		}
	}
	if o.leaseNamespace == "" {
		o.leaseNamespace = "argo-rollouts"
		if data, err := os.ReadFile(serviceAccountNamespace); err == nil {
			o.leaseNamespace = strings.TrimSpace(string(data))
		}
	}
}
