// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// A controller with a list of namespaces acts in those, with the rights that it
// has there, and nowhere else.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	o := order{router: gateway, replicas: 1, instance: "listed", steps: half, canary: soon}
	first, second, other := newShop(t, o), newShop(t, o), newShop(t, o)
	if err := all.installNamespaced(t.Context(), second.ns); err != nil {
		t.Fatal(err)
	}
	if err := all.admit(t.Context(), second.ns, first.ns); err != nil {
		t.Fatal(err)
	}
	namespacedController(t, first.ns, "--instance-id=listed", "--namespaces="+first.ns+", "+second.ns, "--leader-elect=false")
	for _, s := range []*shop{first, second} {
		s.until("Healthy", func(v view) bool { return v.phase == "Healthy" })
		s.deploy("v2")
		s.shows("Paused 2/3; v1 1/1, v2 1/1; stable v1, canary v2, 50/50, preview")
		s.delete()
	}
	if v := other.present(); v.ro.Status.ObservedGeneration != "" || len(v.sets) > 0 {
		t.Errorf("somebody acted in a namespace that is not listed: %s", v)
	}
}

// A controller that is told to stop gives up the lease, so that the next one
// need not wait, and exits with 0.
func TestStop(t *testing.T) {
	t.Parallel()
	const instance = "stopped"
	c := ownController(t, instance, "--leader-elect=true")
	s := newHalfway(t, order{router: istio, instance: instance})
	s.resume()
	c.stop()
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if h, err := holder(t.Context(), instance); err != nil || h != "" {
		t.Errorf("the lease is held by %q (%v), want nobody", h, err)
	}
}

// edge case 30: what cannot work is said at once, with what to do.
func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	foreign := withoutStatus(t, "blockedOn")
	for name, c := range map[string]struct {
		kubeconfig string
		args       []string
		says       string
	}{
		"foreign definition": {foreign, nil, "rollouts.argoproj.io is another controller's: it has no status.blockedOn; apply manifests/crds"},
		"no kubeconfig":      {filepath.Join(t.TempDir(), "none"), nil, "--kubeconfig"},
		"no workers":         {all.Kubeconfig, []string{"--workers=0"}, "--workers is 0"},
		"unknown flag":       {all.Kubeconfig, []string{"--sluice"}, "-sluice"},
		"stray argument":     {all.Kubeconfig, []string{"start"}, `unexpected argument "start"`},
		"address in use":     {all.Kubeconfig, []string{"--health-address=" + strings.TrimPrefix(all.APIServer, "https://")}, "choose another with"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--leader-elect=false", "--instance-id=refused"}, c.args...)
			refused, err := all.startController("refused-"+strings.ReplaceAll(name, " ", "-"), c.kubeconfig, args...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(refused.kill)
			select {
			case <-refused.done:
			case <-time.After(deadline):
				t.Fatal("it runs")
			}
			if code := refused.cmd.ProcessState.ExitCode(); code == 0 {
				t.Error("it exited with 0")
			}
			refused.hasLogged(t, c.says)
		})
	}
}

// withoutStatus is a kubeconfig for an API server whose definition of Rollouts
// lacks a field of the status. It has nothing else.
func withoutStatus(t *testing.T, missing string) (kubeconfig string) {
	t.Helper()
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	definition, err := all.dynamic.Resource(definitions).Get(t.Context(), "rollouts.argoproj.io", getOptions)
	if err != nil {
		t.Fatal(err)
	}
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		unstructured.RemoveNestedField(v.(map[string]any), "schema", "openAPIV3Schema", "properties", "status", "properties", missing)
	}
	if err := unstructured.SetNestedSlice(definition.Object, versions, "spec", "versions"); err != nil {
		t.Fatal(err)
	}
	body, err := definition.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/customresourcedefinitions/rollouts.argoproj.io") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: server.URL}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e"}
	config.CurrentContext = "e2e"
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// hasLogged fails if a controller that has ended did not say something.
func (c *controller) hasLogged(t *testing.T, text string) {
	t.Helper()
	said, err := os.ReadFile(c.log)
	if err != nil || !strings.Contains(string(said), text) {
		t.Errorf("log lacks %q: %v\n%s", text, err, said)
	}
}

// Only what carries the label of an instance is its own, and what carries none
// belongs to the controller without an id: the one for all tests, here.
func TestLabelledIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newShop(t, order{router: none, replicas: 1, instance: "nobody"})
	beside := newShop(t, order{router: none, replicas: 1})
	beside.until("Healthy", func(v view) bool { return v.phase == "Healthy" })
	if v := s.present(); v.ro.Status.ObservedGeneration != "" || len(v.sets) > 0 {
		t.Errorf("somebody acted on what carries the label of an instance that does not run: %s", v)
	}
	s.patch(fmt.Sprintf("metadata: {labels: {%s: null}}", v1alpha1.InstanceIDLabel))
	s.until("Healthy", func(v view) bool { return v.phase == "Healthy" })
}
