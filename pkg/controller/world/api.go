// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
)

// API is an API server as far as the controller can tell: versions, conflicts,
// generations, and a status apart from the spec, which the generated fakes do
// not have. It is not safe for concurrent use.
type API struct {
	version int64
	// objects that are stored never change; a write stores another.
	objects map[schema.GroupVersionResource]map[cache.ObjectName]*unstructured.Unstructured
	// typed holds what has been decoded of them.
	typed map[*unstructured.Unstructured]runtime.Object
	// readings holds what they were read to carry.
	readings map[reading]carried
	// Changed is told of every write, with the object before and after, nil
	// where there is none.
	Changed func(Write)
	// Quota: no ReplicaSet can be created.
	Quota bool
	// Fail, where set, may fail a write before or after it is done.
	Fail func(Write) (before, after error)
	// Read, where set, may fail a read of the controller.
	Read func(schema.GroupVersionResource, cache.ObjectName) error
	// Now stamps what is created.
	Now func() metav1.Time
}

// Write is one write, by the controller (Ours) or by anybody else.
type Write struct {
	Resource      schema.GroupVersionResource
	Key           cache.ObjectName
	Verb          string
	Subresource   string
	Before, After *unstructured.Unstructured
	Ours          bool
	// at and version of it.
	at      time.Time
	version int64
}

// The resources of the world.
var (
	rolloutsResource = v1alpha1.SchemeGroupVersion.WithResource("rollouts")
	setsResource     = appsv1.SchemeGroupVersion.WithResource("replicasets")
	servicesResource = corev1.SchemeGroupVersion.WithResource("services")
	slicesResource   = discoveryv1.SchemeGroupVersion.WithResource("endpointslices")
	podsResource     = corev1.SchemeGroupVersion.WithResource("pods")
)

func newAPI() *API {
	return &API{
		version: 100, objects: map[schema.GroupVersionResource]map[cache.ObjectName]*unstructured.Unstructured{},
		typed: map[*unstructured.Unstructured]runtime.Object{}, readings: map[reading]carried{},
	}
}

// React answers the requests of a fake clientset.
func (a *API) React(typed bool) clienttesting.ReactionFunc {
	return func(action clienttesting.Action) (bool, runtime.Object, error) {
		obj, err := a.answer(action)
		if err != nil || obj == nil {
			return true, nil, err
		}
		if !typed {
			return true, obj, nil
		}
		out, err := a.Typed(action.GetResource(), obj)
		return true, out, err
	}
}

func (a *API) answer(action clienttesting.Action) (*unstructured.Unstructured, error) {
	resource, namespace := action.GetResource(), action.GetNamespace()
	switch act := action.(type) {
	case clienttesting.PatchAction:
		return a.Patch(resource, cache.NewObjectName(namespace, act.GetName()), act.GetPatchType(), act.GetPatch(), act.GetSubresource(), true)
	case clienttesting.CreateAction:
		if act.GetSubresource() != "" {
			return nil, fmt.Errorf("the world has no %s/%s", resource.Resource, act.GetSubresource())
		}
		u, err := toUnstructured(act.GetObject())
		if err != nil {
			return nil, err
		}
		if a.Quota && resource == setsResource {
			return nil, apierrors.NewForbidden(resource.GroupResource(), u.GetName(), errors.New("exceeded quota: count/replicasets.apps"))
		}
		if wrong := malformed(resource, u); wrong != nil {
			return nil, wrong
		}
		if with, ok := action.(clienttesting.CreateActionImpl); ok && len(with.CreateOptions.DryRun) > 0 {
			return defaulted(resource, u), nil
		}
		return a.Create(resource, u, true)
	case clienttesting.DeleteAction:
		return nil, a.Delete(resource, cache.NewObjectName(namespace, act.GetName()), true)
	case clienttesting.GetAction:
		if err := a.Read(resource, cache.NewObjectName(namespace, act.GetName())); err != nil {
			return nil, err
		}
		return a.Get(resource, cache.NewObjectName(namespace, act.GetName()))
	default:
		return nil, fmt.Errorf("the world does not know %s %s", action.GetVerb(), resource.Resource)
	}
}

// Get an object, which is read-only.
func (a *API) Get(resource schema.GroupVersionResource, key cache.ObjectName) (*unstructured.Unstructured, error) {
	if obj := a.objects[resource][key]; obj != nil {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(resource.GroupResource(), key.Name)
}

// Create an object.
func (a *API) Create(resource schema.GroupVersionResource, obj *unstructured.Unstructured, ours bool) (*unstructured.Unstructured, error) {
	key := cache.NewObjectName(obj.GetNamespace(), obj.GetName())
	if a.objects[resource][key] != nil {
		return nil, apierrors.NewAlreadyExists(resource.GroupResource(), key.Name)
	}
	obj = defaulted(resource, obj.DeepCopy())
	obj.SetGeneration(1)
	obj.SetUID(types.UID(fmt.Sprintf("%s-%d", key.Name, a.version)))
	obj.SetCreationTimestamp(a.Now())
	return a.store(Write{Resource: resource, Key: key, Verb: "create", After: obj, Ours: ours})
}

// defaulted: the API server completes templates.
func defaulted(resource schema.GroupVersionResource, obj *unstructured.Unstructured) *unstructured.Unstructured {
	switch resource {
	case setsResource, deploymentsResource, podTemplatesResource:
		must(unstructured.SetNestedField(obj.Object, "Always", append(templatePath(resource), "spec", "restartPolicy")...))
	}
	return obj
}

// malformed: of all that an API server refuses of a ReplicaSet, one thing.
func malformed(resource schema.GroupVersionResource, obj *unstructured.Unstructured) error {
	policy, found, _ := unstructured.NestedString(obj.Object, "spec", "template", "spec", "restartPolicy")
	if resource != setsResource || !found || policy == "Always" {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: resource.Group, Kind: "ReplicaSet"}, obj.GetName(), field.ErrorList{
		field.NotSupported(field.NewPath("spec", "template", "spec", "restartPolicy"), policy, []string{"Always"}),
	})
}

// Delete an object.
func (a *API) Delete(resource schema.GroupVersionResource, key cache.ObjectName, ours bool) error {
	before := a.objects[resource][key]
	if before == nil {
		return apierrors.NewNotFound(resource.GroupResource(), key.Name)
	}
	_, err := a.store(Write{Resource: resource, Key: key, Verb: "delete", Before: before, Ours: ours})
	return err
}

// Patch an object, or its status.
func (a *API) Patch(resource schema.GroupVersionResource, key cache.ObjectName, kind types.PatchType, patch []byte, subresource string, ours bool) (*unstructured.Unstructured, error) {
	before, err := a.Get(resource, key)
	if err != nil {
		return nil, err
	}
	after, err := patched(before, kind, patch)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if after.GetResourceVersion() != before.GetResourceVersion() {
		return nil, apierrors.NewConflict(resource.GroupResource(), key.Name, fmt.Errorf("the object has been modified"))
	}
	keepApart(resource, before, after, subresource)
	if reflect.DeepEqual(before.Object, after.Object) {
		return before, nil
	}
	return a.store(Write{Resource: resource, Key: key, Verb: "patch", Subresource: subresource, Before: before, After: after, Ours: ours})
}

// keepApart: a write to status changes nothing else, and the other way round;
// a change of spec is a new generation.
func keepApart(resource schema.GroupVersionResource, before, after *unstructured.Unstructured, subresource string) {
	if resource == rolloutsResource || resource == setsResource || resource == deploymentsResource {
		kept := "status"
		if subresource == "status" {
			kept = "spec"
		}
		if v, ok := before.Object[kept]; ok {
			after.Object[kept] = v
		} else {
			delete(after.Object, kept)
		}
	}
	if !reflect.DeepEqual(before.Object["spec"], after.Object["spec"]) || !reflect.DeepEqual(before.Object["template"], after.Object["template"]) {
		metadata := maps.Clone(after.Object["metadata"].(map[string]any))
		metadata["generation"] = before.GetGeneration() + 1
		after.Object["metadata"] = metadata
	}
}

func (a *API) store(w Write) (*unstructured.Unstructured, error) {
	var after error
	if a.Fail != nil && w.Ours {
		var before error
		if before, after = a.Fail(w); before != nil {
			return nil, before
		}
	}
	a.version++
	if a.objects[w.Resource] == nil {
		a.objects[w.Resource] = map[cache.ObjectName]*unstructured.Unstructured{}
	}
	if w.After == nil {
		delete(a.objects[w.Resource], w.Key)
	} else {
		metadata := maps.Clone(w.After.Object["metadata"].(map[string]any))
		metadata["resourceVersion"] = strconv.FormatInt(a.version, 10)
		w.After.Object["metadata"] = metadata
		a.objects[w.Resource][w.Key] = w.After
	}
	w.at, w.version = a.Now().Time, a.version
	if a.Changed != nil {
		a.Changed(w)
	}
	if after != nil || w.After == nil {
		return nil, after
	}
	return w.After, nil
}

func toUnstructured(obj runtime.Object) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: map[string]any{}}
	if err := utiljson.Unmarshal(data, &u.Object); err != nil {
		return nil, err
	}
	return u, nil
}

// Typed is obj as the typed clients and caches have it: read-only, and decoded
// once.
func (a *API) Typed(resource schema.GroupVersionResource, obj *unstructured.Unstructured) (runtime.Object, error) {
	out, known := a.typed[obj]
	if known {
		return out, nil
	}
	switch resource {
	case rolloutsResource:
		out = &v1alpha1.Rollout{}
	case setsResource:
		out = &appsv1.ReplicaSet{}
	case deploymentsResource:
		out = &appsv1.Deployment{}
	case podTemplatesResource:
		out = &corev1.PodTemplate{}
	case servicesResource:
		out = &corev1.Service{}
	case slicesResource:
		out = &discoveryv1.EndpointSlice{}
	case podsResource:
		out = &corev1.Pod{}
	default:
		return obj, nil
	}
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, out)
	a.typed[obj] = out
	return out, err
}

func (a *API) rollout(obj *unstructured.Unstructured) *v1alpha1.Rollout {
	return decoded[*v1alpha1.Rollout](a, rolloutsResource, obj)
}

func (a *API) set(obj *unstructured.Unstructured) *appsv1.ReplicaSet {
	return decoded[*appsv1.ReplicaSet](a, setsResource, obj)
}

func (a *API) service(obj *unstructured.Unstructured) *corev1.Service {
	return decoded[*corev1.Service](a, servicesResource, obj)
}

func (a *API) slice(obj *unstructured.Unstructured) *discoveryv1.EndpointSlice {
	return decoded[*discoveryv1.EndpointSlice](a, slicesResource, obj)
}

func decoded[T runtime.Object](a *API, resource schema.GroupVersionResource, obj *unstructured.Unstructured) T {
	out, err := a.Typed(resource, obj)
	must(err)
	return out.(T)
}
