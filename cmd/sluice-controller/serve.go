// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/controller/metrics"

	"k8s.io/klog/v2"
)

// serve answers for metrics and health until stop is called.
func serve(ctx context.Context, o options, meter *metrics.Meter) (stop func(), err error) {
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			_ = s.Close() // the process ends anyway
		}
	}
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }
	for address, handlers := range map[string]map[string]http.Handler{
		o.metrics: {"/metrics": meter.Handler()},
		o.health:  {"/healthz": http.HandlerFunc(ok), "/readyz": http.HandlerFunc(ok)},
	} {
		if address == "" {
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			stop()
			return nil, fmt.Errorf("listen on %s: %w; choose another with --metrics-address or --health-address", address, err)
		}
		mux := http.NewServeMux()
		for path, handler := range handlers {
			mux.Handle(path, handler)
		}
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
		servers = append(servers, server)
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				klog.FromContext(ctx).Error(err, "Serve", "address", address)
			}
		}()
	}
	return stop, nil
}
