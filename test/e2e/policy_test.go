// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation"
	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/validation/validationtest"
	planes "github.com/sluice-rollouts/sluice/pkg/mesh/all"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// refusedBySchema are the rows that the API server does not even store: the
// definition requires a field.
var refusedBySchema = map[string]bool{
	"a header without a value": true,
	"replicas":                 true,
}

// edge case 31: the shipped policies warn of what the controller would say, in its words, and
// let everything pass.
func TestPolicies(t *testing.T) {
	t.Parallel()
	installPolicies(t)
	ns := newNamespace(t)
	w := newWarned(t)
	for _, r := range append(validationtest.Refused(), validationtest.Advised()...) {
		t.Run(r.Name, func(t *testing.T) {
			ro, object := rowRollout(t, r, ns)
			said, err := w.create(t.Context(), object, metav1.DryRunAll)
			if refusedBySchema[r.Name] {
				if !apierrors.IsInvalid(err) {
					t.Fatalf("%v, want the schema to refuse it", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := append(validationtest.Static(validation.Validate(ro, planes.Kinds())), validationtest.Static(validation.Advise(ro))...)
			slices.Sort(want)
			if diff := cmp.Diff(want, said); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What is warned of is stored, and the controller says the same of it.
func TestWarnedIsStored(t *testing.T) {
	t.Parallel()
	installPolicies(t)
	ns := newNamespace(t)
	ro, object := rowRollout(t, validationtest.Row{
		Base: validationtest.Basic, From: "spec:", To: "spec:\n  revisionHistoryLimit: -1\n  minReadySeconds: -1",
	}, ns)
	said, err := newWarned(t).create(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	want := validationtest.Static(validation.Validate(ro, nil))
	if diff := cmp.Diff(want, said); diff != "" || len(want) != 2 {
		t.Errorf("warnings: -want +got:\n%s", diff)
	}
	eventually(t, func() error {
		stored, err := all.rollouts.ArgoprojV1alpha1().Rollouts(ns).Get(t.Context(), name, getOptions)
		if err != nil {
			return err
		}
		for _, sentence := range want {
			if !hasCondition(stored, v1alpha1.InvalidSpec, sentence) {
				return fmt.Errorf("no condition says %q: %+v", sentence, stored.Status.Conditions)
			}
		}
		return nil
	})
}

// A long list of steps is not too much to evaluate; and what is too much to say
// is said in general.
func TestPoliciesOfManySteps(t *testing.T) {
	t.Parallel()
	installPolicies(t)
	ns := newNamespace(t)
	match := strings.Repeat(`{headerName: x, headerValue: {exact: "1"}}, `, 16)
	for last, want := range map[string][]string{
		`setHeaderRoute: {name: beta, match: [{headerName: x, headerValue: {}}]}`: {
			`spec.strategy.canary.steps[100].setHeaderRoute.match[0].headerValue: Invalid value: "": set exactly one of exact, prefix and regex`,
		},
		`setHeaderRoute: {name: beta, match: [` + strings.Repeat(`{headerName: x, headerValue: {}}, `, 100) + `]}`: {
			`spec.strategy.canary.steps[*].setHeaderRoute.match[*].headerValue: set exactly one of exact, prefix and regex`,
		},
	} {
		steps := strings.Repeat("      - setHeaderRoute: {name: beta, match: ["+match+"]}\n", 100) + "      - " + last + "\n"
		_, object := rowRollout(t, validationtest.Row{Base: validationtest.Routed, From: "steps:\n", To: "steps:\n" + steps}, ns)
		said, err := newWarned(t).create(t.Context(), object, metav1.DryRunAll)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// installPolicies applies what manifests/policy ships, and waits until the API
// server acts on it. The types of all expressions fit the definition.
func installPolicies(t *testing.T) {
	t.Helper()
	objects, err := decode(filepath.Join(manifests, "policy", "policies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	resource := func(kind string) schema.GroupVersionResource {
		plural := map[string]string{"ValidatingAdmissionPolicy": "validatingadmissionpolicies", "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings"}[kind]
		return schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: plural}
	}
	for _, o := range objects {
		_, err := all.dynamic.Resource(resource(o.GetKind())).Create(t.Context(), o, createOptions)
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	w := newWarned(t)
	for _, r := range []validationtest.Row{rowNamed(t, "min ready"), rowNamed(t, "no data plane")} {
		_, object := rowRollout(t, r, "default")
		eventually(t, func() error {
			said, err := w.create(t.Context(), object, metav1.DryRunAll)
			if err == nil && !slices.Equal(said, r.Want) {
				err = fmt.Errorf("the policy says %q, want %q", said, r.Want)
			}
			return err
		})
	}
	for _, name := range []string{validation.PolicyName, validation.AdvicePolicyName} {
		eventually(t, func() error {
			policy, err := all.kube.AdmissionregistrationV1().ValidatingAdmissionPolicies().Get(t.Context(), name, getOptions)
			if err != nil {
				return err
			}
			if policy.Status.TypeChecking == nil {
				return fmt.Errorf("the types of %s are not checked", name)
			}
			for _, w := range policy.Status.TypeChecking.ExpressionWarnings {
				t.Errorf("%s: %s: %s", name, w.FieldRef, w.Warning)
			}
			return nil
		})
	}
}

func rowNamed(t *testing.T, name string) validationtest.Row {
	t.Helper()
	rows := append(validationtest.Refused(), validationtest.Advised()...)
	i := slices.IndexFunc(rows, func(r validationtest.Row) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no row %q", name)
	}
	return rows[i]
}

// rowRollout makes a Rollout of a row, as the controller decodes it and as the
// API server gets it.
func rowRollout(t *testing.T, r validationtest.Row, namespace string) (*v1alpha1.Rollout, *unstructured.Unstructured) {
	t.Helper()
	text, err := r.Rollout()
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: %s, namespace: %s}\n%s", name, namespace, text)
	ro, object := &v1alpha1.Rollout{}, &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), ro); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	return ro, object
}

// warned creates Rollouts, and hears what the API server warns of.
type warned struct {
	client dynamic.Interface
	heard  []string
}

func newWarned(t *testing.T) *warned {
	t.Helper()
	w := &warned{}
	config := all.config()
	config.WarningHandler = w
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	return w
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warned) HandleWarningHeader(_ int, _, text string) { w.heard = append(w.heard, text) }

// create gives the sentences of the policies' warnings, sorted.
func (w *warned) create(ctx context.Context, object *unstructured.Unstructured, dryRun ...string) ([]string, error) {
	w.heard = nil
	_, err := w.client.Resource(v1alpha1.SchemeGroupVersion.WithResource("rollouts")).Namespace(object.GetNamespace()).
		Create(ctx, object, metav1.CreateOptions{FieldManager: "e2e", DryRun: dryRun})
	var said []string
	for _, text := range w.heard {
		if _, message, ok := strings.Cut(text, "': "); ok && strings.Contains(text, "ValidatingAdmissionPolicy") {
			said = append(said, validationtest.Split(message)...)
		}
	}
	slices.Sort(said)
	return said, err
}
