package demo

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// A shop that is open, and run by a Deployment, becomes a Rollout, releases a
// version as one, and becomes a Deployment again: no request is lost, and there
// are never fewer pods ready than the Deployment had.
func TestMigration(t *testing.T) {
	for _, scaleDown := range []string{"progressively", "onsuccess"} {
		t.Run(scaleDown, func(t *testing.T) {
			d := startParts(t)
			ctx := t.Context()
			deployment, rollout := migrating(t, d.values("v1", 0), scaleDown)
			do(t, d.apply(ctx, "edge.yaml", d.values("v1", 0)))
			do(t, d.p.Apply(ctx, deployment))
			do(t, d.eventually(ctx, "the Deployment runs the shop", func(ctx context.Context) bool {
				by, err := d.podsOf(ctx)
				return err == nil && by["v1"].ready == replicas && d.answers(ctx)
			}))
			d.send(ctx)
			ready := countReady(t, d.shop)

			do(t, d.p.Apply(ctx, rollout))
			do(t, d.until(ctx, "the Rollout has taken over", func(s scene) bool {
				return s.rollout.healthy() && s.served.is(0, false) && s.pods["v1"] == podCount{replicas, replicas} && d.deploymentSize(ctx) == 0
			}))
			d.view.say("the Deployment has given way; there were never fewer than %d pods ready", ready.least())
			do(t, d.throughDeployment(ctx, good))
			do(t, d.goBack(ctx, good))
			judged(t, d)
			if least := ready.least(); least < replicas {
				t.Errorf("only %d pods were ready for a while, the Deployment had %d", least, replicas)
			}
		})
	}
}

// migrating are the Deployment that runs the shop, and the Rollout that takes
// over from it.
func migrating(t *testing.T, v values, scaleDown string) (deployment, rollout *unstructured.Unstructured) {
	t.Helper()
	objects, err := rendered("rollout.yaml", v)
	do(t, err)
	rollout = objects[0]
	spec := rollout.Object["spec"].(map[string]any)
	deployment = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": name, "namespace": namespace},
		"spec":     map[string]any{"replicas": spec["replicas"], "selector": spec["selector"], "template": spec["template"]},
	}}
	delete(spec, "selector")
	delete(spec, "template")
	spec["workloadRef"] = map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "scaleDown": scaleDown}
	return deployment, rollout
}

// goBack makes a Deployment of the Rollout again. The Rollout's last ReplicaSet
// is the Deployment's then, which takes it down as it does with any old one.
func (d *director) goBack(ctx context.Context, version string) error {
	rollout := d.objects.Resource(rollouts).Namespace(namespace)
	never := []byte(`{"spec":{"workloadRef":{"scaleDown":"never"}}}`)
	if _, err := rollout.Patch(ctx, name, types.MergePatchType, never, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("leave the Deployment alone: %w", err)
	}
	deployments := d.pods.AppsV1().Deployments(namespace)
	size := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	if _, err := deployments.Patch(ctx, name, types.MergePatchType, size, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("scale the Deployment: %w", err)
	}
	err := d.eventually(ctx, "both have their pods", func(ctx context.Context) bool {
		by, err := d.podsOf(ctx)
		return err == nil && by[version].ready == 2*replicas
	})
	if err != nil {
		return err
	}
	orphan := metav1.DeletePropagationOrphan
	if err := rollout.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &orphan}); err != nil {
		return fmt.Errorf("delete the Rollout: %w", err)
	}
	return d.eventually(ctx, "the Deployment runs the shop alone", func(ctx context.Context) bool {
		by, err := d.podsOf(ctx)
		return err == nil && by[version] == podCount{replicas, replicas} && d.deploymentSize(ctx) == replicas
	})
}

// eventually waits for what needs no Rollout.
func (d *director) eventually(ctx context.Context, what string, holds func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, stepPatience)
	defer cancel()
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for !holds(ctx) {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, context.Cause(ctx))
		}
	}
	return nil
}

// throughDeployment releases a version as kubectl argo rollouts set image does
// for a Rollout that refers to a Deployment, and takes it all the way.
func (d *director) throughDeployment(ctx context.Context, version string) error {
	d.act = act{title: version + " replaces v1", version: version, other: "v1", steps: names(steps[:])}
	image := fmt.Sprintf(`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"example.invalid/shop:%s"}]`, version)
	_, err := d.pods.AppsV1().Deployments(namespace).Patch(ctx, name, types.JSONPatchType, []byte(image), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("release through the Deployment: %w", err)
	}
	for _, s := range steps {
		if err := d.reach(ctx, s); err != nil {
			return err
		}
		if err := d.promote(ctx); err != nil {
			return err
		}
	}
	if err := d.until(ctx, "the release is through", func(s scene) bool { return s.rollout.healthy() && s.served.is(0, false) }); err != nil {
		return err
	}
	return d.goodbye(ctx, "v1")
}

// deploymentSize is how many pods the Deployment has, -1 if that cannot be told.
func (s *shop) deploymentSize(ctx context.Context) int32 {
	deployment, err := s.pods.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil || deployment.Status.ObservedGeneration < deployment.Generation {
		return -1
	}
	return deployment.Status.Replicas
}

// readyCount follows every change of the shop's pods.
type readyCount struct {
	mu    sync.Mutex
	ready map[types.UID]bool
	low   int
}

// countReady counts from now on until the test ends.
func countReady(t *testing.T, s *shop) *readyCount {
	t.Helper()
	pods := s.pods.CoreV1().Pods(namespace)
	list, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + name})
	do(t, err)
	c := &readyCount{ready: map[types.UID]bool{}}
	for i := range list.Items {
		c.set(&list.Items[i], false)
	}
	c.low = len(c.ready)
	changes, err := pods.Watch(t.Context(), metav1.ListOptions{LabelSelector: "app=" + name, ResourceVersion: list.ResourceVersion})
	do(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for change := range changes.ResultChan() {
			if pod, ok := change.Object.(*corev1.Pod); ok {
				c.set(pod, change.Type == watch.Deleted)
			}
		}
	}()
	t.Cleanup(func() { changes.Stop(); <-done })
	return c
}

func (c *readyCount) set(pod *corev1.Pod, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gone || pod.DeletionTimestamp != nil || !isReady(pod) {
		delete(c.ready, pod.UID)
	} else {
		c.ready[pod.UID] = true
	}
	c.low = min(c.low, len(c.ready))
}

// least pods that were ready at any time.
func (c *readyCount) least() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.low
}
