// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	clientset "github.com/sluice-rollouts/sluice/pkg/client/clientset/versioned"
	rolloutscheme "github.com/sluice-rollouts/sluice/pkg/client/clientset/versioned/scheme"
	"github.com/sluice-rollouts/sluice/pkg/controller"
	"github.com/sluice-rollouts/sluice/pkg/controller/metrics"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh/all"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// The lease, with the times that every client of it expects.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// component is what events name as their source.
const component = "rollouts-controller"

func run(ctx context.Context, o options) error {
	config, err := clusterConfig(o)
	if err != nil {
		return err
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	meter := metrics.New(version())
	config.Wrap(meter.CountRequests)
	stopServers, err := serve(ctx, o, meter)
	if err != nil {
		return err
	}
	defer stopServers()
	if !o.leaderElect {
		return lead(ctx, o, config, meter)
	}
	return elect(ctx, o, config, kube, meter)
}

// clusterConfig finds the cluster and how to reach it.
func clusterConfig(o options) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find a cluster: %w; set --kubeconfig", err)
	}
	config.QPS, config.Burst = float32(o.qps), o.burst
	config.UserAgent = "sluice-controller"
	return config, nil
}

// elect leads while it holds the lease. Once that is lost the process ends, so
// that nothing that is under way can still be written.
func elect(ctx context.Context, o options, config *rest.Config, kube kubernetes.Interface, meter *metrics.Meter) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, o.leaseNamespace, o.leaseName, kube.CoreV1(), kube.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan struct{})
	var led bool
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		ReleaseOnCancel: true, Name: o.leaseName,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				led = true
				defer close(ended)
				if err := lead(leading, o, config, meter); err != nil {
					stop(err)
				}
			},
			OnStoppedLeading: func() {
				if ctx.Err() == nil {
					klog.FromContext(ctx).Error(nil, "Lease lost", "lease", o.leaseName)
					klog.Flush()
					os.Exit(1)
				}
			},
		},
	})
	if led {
		<-ended
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// lead runs the controller until ctx is done. Its caches are filled from lists
// that begin only now, so that nothing from before the lease is acted on.
func lead(ctx context.Context, o options, config *rest.Config, meter *metrics.Meter) error {
	clients, meta, err := clientsFor(config)
	if err != nil {
		return err
	}
	events, err := broadcast(ctx, config)
	if err != nil {
		return err
	}
	defer events.Shutdown()
	kinds := all.Kinds()
	informers, err := controller.NewInformers(clients, kinds, controller.Scope{Namespaces: o.namespaces, InstanceID: o.instanceID, Resync: o.resync})
	if err != nil {
		return err
	}
	c := controller.New(controller.Options{
		Clients: clients, Kinds: kinds, Clock: clock.RealClock{}, Workers: o.workers, Observe: meter.Synced, Weighed: meter.Weighed, Finished: meter.Finished,
		Events:   meter.CountEvents(events.NewRecorder(rolloutscheme.Scheme, corev1.EventSource{Component: component})),
		Settings: plan.Settings{SettleAcked: o.settle, SettleUnacked: o.unacked, AckTimeout: o.ackTimeout},
	}, informers.Caches)
	if err := controller.CheckDefinition(ctx, clients); err != nil {
		return err
	}
	if err := errors.Join(c.Register(informers), meter.Watch(informers)); err != nil {
		return err
	}
	if err := informers.Start(ctx); err != nil {
		return err
	}
	if err := controller.NewRouteWatcher(c, informers, meta).Start(ctx); err != nil {
		return err
	}
	if err := controller.NewWorkloadWatcher(c, informers).Start(ctx); err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Started", "namespaces", o.namespaces, "instanceID", o.instanceID)
	return c.Run(ctx)
}

// broadcast sends events, with a budget of requests of its own: no write waits
// for one. A release has more events than the defaults let through, which guard
// against the same ones without end.
func broadcast(ctx context.Context, config *rest.Config) (record.EventBroadcaster, error) {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	events := record.NewBroadcaster(record.WithContext(ctx), record.WithCorrelatorOptions(record.CorrelatorOptions{
		BurstSize: 200, QPS: 1. / 10, MaxEvents: 100,
	}))
	events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: kube.CoreV1().Events("")})
	return events, nil
}

// version is that of the module, or of the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

func clientsFor(config *rest.Config) (controller.Clients, metadata.Interface, error) {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return controller.Clients{}, nil, err
	}
	rollouts, err := clientset.NewForConfig(config)
	if err != nil {
		return controller.Clients{}, nil, err
	}
	routes, err := dynamic.NewForConfig(config)
	if err != nil {
		return controller.Clients{}, nil, err
	}
	meta, err := metadata.NewForConfig(config)
	return controller.Clients{Kube: kube, Rollouts: rollouts, Dynamic: routes}, meta, err
}
