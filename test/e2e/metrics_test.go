// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// freeAddress is one of the loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// fetch gets a page, and fails unless that is there.
func fetch(t *testing.T, url string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, answer.Status)
	}
	return string(body), err
}

// What dashboards and alerts read, by the names of wire contract C.2, and what
// Sluice adds: weights per data plane, and the gate that holds a rollout back.
func TestMetrics(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		instance, address := "metrics-"+router, freeAddress(t)
		ownController(t, instance, "--leader-elect=false", "--metrics-address="+address)
		s := newHalfway(t, order{router: router, instance: instance})
		shown := map[string]string{gateway: "GatewayAPI", istio: "Istio"}[router]
		kind := map[string]string{gateway: "gatewayAPI", istio: "istio"}[router]
		ofShop := fmt.Sprintf(`name="web",namespace=%q`, s.ns)
		s.metricsHave(address,
			fmt.Sprintf(`rollout_info{%s,phase="Paused",strategy="canary",traffic_router=%q} 1`, ofShop, shown),
			fmt.Sprintf(`rollout_phase{%s,phase="Paused",strategy="canary"} 1`, ofShop),
			fmt.Sprintf(`rollout_phase{%s,phase="Healthy",strategy="canary"} 0`, ofShop),
			fmt.Sprintf("rollout_info_replicas_desired{%s} 4", ofShop),
			fmt.Sprintf("rollout_info_replicas_updated{%s} 2", ofShop),
			fmt.Sprintf("rollout_info_replicas_available{%s} 6", ofShop),
			fmt.Sprintf("rollout_info_replicas_unavailable{%s} 0", ofShop),
			fmt.Sprintf("rollout_reconcile_count{%s} ", ofShop),
			fmt.Sprintf(`rollout_events_total{%s,reason="RolloutPaused",type="Normal"} 1`, ofShop),
			fmt.Sprintf(`rollout_duration_seconds_count{%s,status="Promoted"} 1`, ofShop),
			`controller_clientset_k8s_request_total{kind="rollouts/status",status_code="200",verb="PATCH"} `,
			"argo_rollouts_controller_info{version=",
			fmt.Sprintf("sluice_canary_weight_wanted{%s,router=%q} 50", ofShop, kind),
			fmt.Sprintf("sluice_canary_weight_observed{%s,router=%q} 50", ofShop, kind))
		s.deploy("v3", neverReady)
		s.metricsHave(address, fmt.Sprintf(`sluice_blocked{gate="Capacity",%s} 1`, ofShop))
		s.delete()
		eventually(t, func() error {
			page, err := fetch(t, "http://"+address+"/metrics")
			for line := range strings.Lines(page) {
				if strings.Contains(line, s.ns) && !strings.Contains(line, "_bucket{") {
					err = errors.Join(err, errors.New("there is still "+line))
				}
			}
			return err
		})
	})
}

// metricsHave waits until each text begins a line of the metrics.
func (s *shop) metricsHave(address string, lines ...string) {
	s.t.Helper()
	eventually(s.t, func() error {
		page, err := fetch(s.t, "http://"+address+"/metrics")
		if err != nil {
			return err
		}
		for _, line := range lines {
			if !strings.Contains("\n"+page, "\n"+line) {
				err = errors.Join(err, errors.New("the metrics lack "+line))
			}
		}
		return err
	})
}

// A controller is well, and ready, also while it waits for the lease: it could
// not be updated by a Deployment otherwise.
func TestHealth(t *testing.T) {
	t.Parallel()
	const instance = "health"
	leader, waiting := freeAddress(t), freeAddress(t)
	ownController(t, instance, "--leader-elect=true", "--health-address="+leader)
	leads(t, instance, "")
	ownController(t, instance, "--leader-elect=true", "--health-address="+waiting)
	for _, address := range []string{leader, waiting} {
		for _, path := range []string{"/healthz", "/readyz"} {
			eventually(t, func() error {
				_, err := fetch(t, "http://"+address+path)
				return err
			})
		}
	}
}
