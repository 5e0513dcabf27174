// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// The data planes that a shop can have. Without one, pods are the weight.
const (
	gateway  = "gateway"
	istio    = "istio"
	both     = "both"     // at once
	services = "services" // role Services, but no data plane
	none     = "none"
)

// routers are those that most tests run with.
var routers = []string{gateway, istio}

// order is what a test wants of its shop.
type order struct {
	router   string
	replicas int // 4 by default
	// steps of the canary, one YAML flow mapping per line.
	steps string
	// spec and canary are more YAML lines of spec and of spec.strategy.canary.
	spec, canary string
	// instance of the controller that is to act.
	instance string
	// manner of the gateway.
	manner string
	// planes is the YAML of the data planes, if not the usual. NAMESPACE is
	// replaced.
	planes string
	// second is one more VirtualService.
	second string
	// env of the first version, YAML.
	env string
	// workload is the kind of what the template is taken from, "" for the
	// Rollout itself.
	workload string
	// patient is how long to wait for anything; deadline by default.
	patient time.Duration
}

// shop is a Rollout with all that belongs to it, in a namespace of its own.
type shop struct {
	t  *testing.T
	ns string
	order

	seen int // changes of the namespace that last was made of
	last view
}

func (s *shop) patience() time.Duration { return max(s.patient, deadline) }

// name of the Rollout, and of its route.
const name = "web"

// newShop makes the namespace, the Services, the route and the Rollout.
func newShop(t *testing.T, o order) *shop {
	t.Helper()
	if o.replicas == 0 {
		o.replicas = 4
	}
	s := &shop{t: t, order: o, ns: newNamespace(t)}
	if o.router != none {
		s.create(schema.GroupVersionResource{Version: "v1", Resource: "services"}, roleService("stable"), roleService("canary"))
	}
	if o.router == gateway || o.router == both {
		s.create(httpRoutes, fmt.Sprintf(httpRoute, manner, o.manner))
	}
	if o.router == istio || o.router == both {
		s.create(virtualServices, virtualService)
	}
	if o.second != "" {
		s.create(virtualServices, o.second)
	}
	if o.workload != "" {
		s.create(s.templateOwner(), s.workloadManifest())
	}
	s.createRollout()
	return s
}

// newHealthyShop is one whose first version is up.
func newHealthyShop(t *testing.T, o order) *shop {
	t.Helper()
	s := newShop(t, o)
	s.until("Healthy", func(v view) bool { return v.phase == "Healthy" })
	return s
}

// newNamespace is named after the test.
func newNamespace(t *testing.T) string {
	t.Helper()
	prefix := strings.ToLower(strings.Trim(strings.Map(func(r rune) rune {
		if r == '/' || r == '_' {
			return '-'
		}
		return r
	}, strings.TrimPrefix(t.Name(), "Test")), "-"))
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix[:min(len(prefix), 40)] + "-"}}
	ns, err := all.kube.CoreV1().Namespaces().Create(t.Context(), ns, createOptions)
	if err != nil {
		t.Fatal(err)
	}
	return ns.Name
}

func roleService(name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}`, name)
}

const httpRoute = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, annotations: {%s: %q}}
spec:
  parentRefs: [{name: gateway}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-shop, value: "1"}]}}]
    backendRefs: [{name: stable, port: 80, weight: 100}, {name: canary, port: 80, weight: 0}]
  - matches: [{path: {type: PathPrefix, value: /other}}]
    backendRefs: [{name: other, port: 80}]`

const virtualService = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web]
  http:
  - name: other
    match: [{uri: {prefix: /other}}]
    route: [{destination: {host: other}}]
  - name: main
    timeout: 5s
    route:
    - {destination: {host: stable}, weight: 100}
    - {destination: {host: canary}, weight: 0}`

func (s *shop) manifest() string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web, labels: {%s}}\n", s.label())
	fmt.Fprintf(&b, "spec:\n  replicas: %d\n", s.replicas)
	if s.workload != "" {
		fmt.Fprintf(&b, "  workloadRef: {%s}\n", s.reference())
	} else {
		fmt.Fprintf(&b, "  selector: {matchLabels: {app: web}}\n  template: %s\n", podTemplate("v1", s.env))
	}
	indent(&b, "  ", s.spec)
	b.WriteString("  strategy:\n    canary:\n      maxSurge: 1\n")
	if s.router != none && !strings.Contains(s.canary, "pingPong") {
		b.WriteString("      stableService: stable\n      canaryService: canary\n")
	}
	if planes := s.dataPlanes(); planes != "" {
		fmt.Fprintf(&b, "      trafficRouting: {managedRoutes: [{name: preview}, {name: shadow}], %s}\n", planes)
	}
	indent(&b, "      ", s.canary)
	if s.steps != "" {
		b.WriteString("      steps:\n")
		indent(&b, "      - ", s.steps)
	}
	return b.String()
}

func (s *shop) dataPlanes() string {
	if s.planes != "" {
		return strings.ReplaceAll(s.planes, "NAMESPACE", s.ns)
	}
	return map[string]string{
		gateway: "gatewayAPI: {httpRoute: web}",
		istio:   "istio: {virtualService: {name: web, routes: [main]}}",
		both:    "gatewayAPI: {httpRoute: web}, istio: {virtualService: {name: web, routes: [main]}}",
	}[s.router]
}

func (s *shop) label() string {
	if s.instance == "" {
		return ""
	}
	return v1alpha1.InstanceIDLabel + ": " + s.instance
}

func podTemplate(version, env string) string {
	return fmt.Sprintf("{metadata: {labels: {app: web}}, spec: %s}", podSpec(version, env))
}

func podSpec(version, env string) string {
	return fmt.Sprintf(`{terminationGracePeriodSeconds: 1, containers: [{name: web, image: "example.com/shop:%s", ports: [{containerPort: 8080}], env: [%s]}]}`, version, env)
}

func indent(b *strings.Builder, prefix, lines string) {
	for line := range strings.Lines(lines) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(prefix + strings.TrimSpace(line) + "\n")
		}
	}
}

func (s *shop) createRollout() {
	s.t.Helper()
	s.create(v1alpha1.SchemeGroupVersion.WithResource("rollouts"), s.manifest())
}

func (s *shop) create(resource schema.GroupVersionResource, objects ...string) {
	s.t.Helper()
	for _, manifest := range objects {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(manifest), &o.Object); err != nil {
			s.t.Fatalf("%v in\n%s", err, manifest)
		}
		options := createOptions
		options.FieldValidation = metav1.FieldValidationStrict
		if _, err := all.dynamic.Resource(resource).Namespace(s.ns).Create(s.t.Context(), o, options); err != nil {
			s.t.Fatalf("create %s: %v", resource.Resource, err)
		}
	}
}

// patch sends a merge patch, given as YAML, to the Rollout.
func (s *shop) patch(change string, subresources ...string) {
	s.t.Helper()
	if _, err := s.tryPatch(s.t.Context(), types.MergePatchType, change, subresources...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) tryPatch(ctx context.Context, kind types.PatchType, change string, subresources ...string) (*v1alpha1.Rollout, error) {
	body, err := yaml.YAMLToJSON([]byte(change))
	if err != nil {
		return nil, err
	}
	ro, err := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns).Patch(ctx, name, kind, body, patchOptions, subresources...)
	if err != nil {
		return nil, fmt.Errorf("patch %s: %w", change, err)
	}
	return ro, nil
}

// deploy asks for another version, with an environment.
func (s *shop) deploy(version string, env ...string) {
	s.t.Helper()
	if s.workload != "" {
		s.deployWorkload(podTemplate(version, strings.Join(env, ",")))
		return
	}
	s.patch("spec: {template: {spec: " + podSpec(version, strings.Join(env, ",")) + "}}")
}

// neverReady is the environment of a version that is broken.
const neverReady = `{name: NEVER_READY, value: "true"}`

// What users and clients do by way of status.
func (s *shop) resume()      { s.t.Helper(); s.patch("status: {pauseConditions: null}", "status") }
func (s *shop) abort()       { s.t.Helper(); s.patch("status: {abort: true}", "status") }
func (s *shop) retry()       { s.t.Helper(); s.patch("status: {abort: false}", "status") }
func (s *shop) promoteFull() { s.t.Helper(); s.patch("status: {promoteFull: true}", "status") }

func (s *shop) skipTo(index int) {
	s.t.Helper()
	s.patch(fmt.Sprintf("status: {pauseConditions: null, currentStepIndex: %d}", index), "status")
}

// scale writes the scale subresource, as kubectl scale and an autoscaler do.
func (s *shop) scale(replicas int32) {
	s.t.Helper()
	api := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns)
	eventually(s.t, func() error {
		scale, err := api.GetScale(s.t.Context(), name, getOptions)
		if err != nil {
			return err
		}
		scale.Spec.Replicas = replicas
		_, err = api.UpdateScale(s.t.Context(), name, scale, metav1.UpdateOptions{FieldManager: "e2e"})
		return err
	})
}

// delete deletes the Rollout, and returns when it is gone.
func (s *shop) delete() {
	s.t.Helper()
	api := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns)
	if err := api.Delete(s.t.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, func() error {
		_, err := api.Get(s.t.Context(), name, getOptions)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("the Rollout is still there"))
	})
}

// rollout reads it from the API server.
func (s *shop) rollout() *v1alpha1.Rollout {
	s.t.Helper()
	ro, err := all.rollouts.ArgoprojV1alpha1().Rollouts(s.ns).Get(s.t.Context(), name, getOptions)
	if err != nil {
		s.t.Fatal(err)
	}
	return ro
}

// route reads the route object, without what the API server adds to it.
func (s *shop) route() map[string]any {
	s.t.Helper()
	resource := httpRoutes
	if s.router == istio {
		resource = virtualServices
	}
	route, err := all.dynamic.Resource(resource).Namespace(s.ns).Get(s.t.Context(), name, getOptions)
	if err != nil {
		s.t.Fatal(err)
	}
	return map[string]any{"annotations": annotationsOf(route), "spec": route.Object["spec"]}
}

func annotationsOf(o *unstructured.Unstructured) map[string]string {
	annotations := o.GetAnnotations()
	if annotations == nil {
		return map[string]string{}
	}
	return annotations
}

// annotatePods marks all pods of a version.
func (s *shop) annotatePods(version, key, value string) {
	s.t.Helper()
	pods, err := all.kube.CoreV1().Pods(s.ns).List(s.t.Context(), metav1.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range pods.Items {
		if strings.HasSuffix(p.Spec.Containers[0].Image, ":"+version) {
			if _, err := all.kube.CoreV1().Pods(s.ns).Patch(s.t.Context(), p.Name, types.MergePatchType, patch, patchOptions); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}
