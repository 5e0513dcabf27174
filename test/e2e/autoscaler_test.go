// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	autoscalers = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

// autoscaler is a HorizontalPodAutoscaler that acts on what it has seen for some
// seconds: its own caches and the metrics are not of one moment.
const autoscaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: %s, kind: %s, name: web}
  minReplicas: 1
  maxReplicas: 50
  metrics: [%s]
  behavior: {scaleDown: {stabilizationWindowSeconds: 10}}`

// One pod should have a load of 1.
const (
	averageCPU      = `{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 1}}}`
	averageExternal = `{type: External, external: {metric: {name: load}, target: {type: AverageValue, averageValue: 1}}}`
)

const twin = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: %s}`

// The autoscaler of Kubernetes wants of a Rollout what it wants of a Deployment
// under the same load: all the way through a canary, and when the load doubles
// in the middle of it.
func TestAutoscaler(t *testing.T) {
	t.Parallel()
	m := startMetrics(t)
	for name, metric := range map[string]string{"cpu": averageCPU, "external": averageExternal} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newHealthyShop(t, order{router: gateway, replicas: 10, canary: soon, steps: `
				setWeight: 20
				pause: {}
				setCanaryScale: {weight: 80}
				pause: {}
				setCanaryScale: {matchTrafficWeight: true}
				setWeight: 50
				pause: {}`})
			beside := &shop{t: t, ns: newNamespace(t)}
			beside.create(deployments, fmt.Sprintf(twin, podSpec("v1", "")))
			load := func(pods float64) { m.load(s.ns, pods); m.load(beside.ns, pods) }
			wants := func(pods int32) { t.Helper(); s.autoscaled(m, pods); beside.autoscaled(m, pods) }
			load(9.6)
			s.create(autoscalers, fmt.Sprintf(autoscaler, "argoproj.io/v1alpha1", "Rollout", metric))
			beside.create(autoscalers, fmt.Sprintf(autoscaler, "apps/v1", "Deployment", metric))
			wants(10)
			s.deploy("v2")
			s.shows("Paused 1/7; v1 10/10, v2 2/2; stable v1, canary v2, 80/20")
			wants(10)
			s.resume()
			s.shows("Paused 3/7; v1 10/10, v2 8/8; stable v1, canary v2, 80/20")
			wants(10)
			s.resume()
			s.shows("Paused 6/7; v1 10/10, v2 5/5; stable v1, canary v2, 50/50")
			wants(10)
			load(19.2)
			s.shows("Paused 6/7; v1 20/20, v2 10/10; stable v1, canary v2, 50/50")
			wants(20)
			s.resume()
			s.shows("Healthy 7/7; v2 20/20; stable v2, canary v2, 100/0")
			wants(20)
			noBreach(t, s.ns)
		})
	}
}

// autoscaled waits until the autoscaler has looked a few times more, and wants
// it to be content with so many pods.
func (s *shop) autoscaled(m *metrics, pods int32) {
	s.t.Helper()
	seen := m.looks(s.ns)
	eventually(s.t, func() error {
		if now := m.looks(s.ns); now < seen+4 {
			return fmt.Errorf("the autoscaler has looked %d times", now-seen)
		}
		hpa, err := all.kube.AutoscalingV2().HorizontalPodAutoscalers(s.ns).Get(s.t.Context(), name, getOptions)
		if err != nil {
			return err
		}
		if st := hpa.Status; st.DesiredReplicas != pods || st.CurrentReplicas != pods || len(st.CurrentMetrics) == 0 {
			return fmt.Errorf("the autoscaler wants %d of %d pods, not %d: %+v", st.DesiredReplicas, st.CurrentReplicas, pods, st.Conditions)
		}
		return nil
	})
}
