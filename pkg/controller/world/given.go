// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"
)

// left is a rollout as another controller has left it. Its ReplicaSets have
// hashes of that controller, and its status no field of ours.
type left struct {
	// Steps of the canary.
	Steps []v1alpha1.CanaryStep `json:"steps"`
	// Sets by image.
	Sets map[string]leftSet `json:"sets"`
	// Stable and Current are the images of status.stableRS and
	// status.currentPodHash, Template that of the spec: by default the same as
	// Current.
	Stable   string `json:"stable"`
	Current  string `json:"current"`
	Template string `json:"template"`
	// S and C are the images that the Services select; "" for one that was
	// never touched.
	S string `json:"s"`
	C string `json:"c"`
	// Weight of the canary.
	Weight int32 `json:"weight"`
	// Spec and Status are more of either.
	Spec   map[string]any `json:"spec"`
	Status map[string]any `json:"status"`
}

// leftSet is a ReplicaSet with that many pods, all of them ready unless Ready
// says how many, and due for removal in Deadline. Numbers are those of the
// images, unless one says otherwise.
type leftSet struct {
	Number   int    `json:"number"`
	Pods     int32  `json:"pods"`
	Ready    *int32 `json:"ready"`
	Deadline string `json:"deadline"`
}

// doGiven loads what the input says, in YAML: see left.
func (w *World) doGiven(args map[string]string, input string) error {
	w.rule = given
	l := left{Spec: map[string]any{}, Status: map[string]any{}}
	if err := yaml.UnmarshalStrict([]byte(input), &l); err != nil {
		return err
	}
	var steps strings.Builder
	for _, step := range l.Steps {
		line, err := json.Marshal(step)
		if err != nil {
			return err
		}
		steps.Write(append(line, '\n'))
	}
	if l.Template == "" {
		l.Template = l.Current
	}
	if err := w.Apply(Shop(args["mesh"], steps.String())); err != nil {
		return err
	}
	if err := w.Image(l.Template); err != nil {
		return err
	}
	number := ""
	for i, image := range slices.Sorted(maps.Keys(l.Sets)) {
		set := l.Sets[image]
		set.Number = cmp.Or(set.Number, i+1)
		if image == l.Current {
			number = strconv.Itoa(set.Number)
		}
		if err := w.leaveSet(image, set); err != nil {
			return err
		}
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{v1alpha1.RevisionAnnotation: number}}, "spec": l.Spec,
	})
	if err != nil {
		return err
	}
	if err := w.PatchSpec(string(patch)); err != nil {
		return err
	}
	for service, image := range map[string]string{"stable": l.S, "canary": l.C} {
		w.leaveService(service, image)
	}
	must(w.weighByHand(map[string]string{"canary": fmt.Sprint(l.Weight)}, ""))
	return w.leaveStatus(l)
}

// leftHash is what another controller calls the revision of an image.
func leftHash(image string) string { return "other" + image }

func (w *World) leaveSet(image string, set leftSet) error {
	ro := w.Rollout()
	template := *ro.Spec.Template.DeepCopy()
	template.Spec.Containers[0].Image = image
	template = replicaset.Labelled(&template, leftHash(image))
	annotations := map[string]string{
		v1alpha1.RevisionAnnotation: strconv.Itoa(set.Number), v1alpha1.DesiredReplicasAnnotation: fmt.Sprint(ro.Spec.Desired()),
	}
	if set.Deadline != "" {
		in, err := time.ParseDuration(set.Deadline)
		if err != nil {
			return err
		}
		annotations[v1alpha1.ScaleDownDeadlineAnnotation] = w.Clock.Now().Add(in).UTC().Format(time.RFC3339)
	}
	rs := &appsv1.ReplicaSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: Namespace, Name: replicaset.Name(Name, leftHash(image)), Labels: template.Labels, Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind("Rollout"))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &set.Pods, Selector: replicaset.Selector(ro.Spec.Selector, leftHash(image)), Template: template},
	}
	w.ready[image] = All
	if set.Ready != nil {
		w.ready[image] = *set.Ready
	}
	w.put(setsResource, rs)
	return nil
}

func (w *World) leaveService(service, image string) {
	key := cache.NewObjectName(Namespace, service)
	if image == "" || w.API.objects[servicesResource][key] == nil {
		return
	}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}},"spec":{"selector":{%q:%q}}}`,
		v1alpha1.ManagedByAnnotation, Name, replicaset.HashLabel, leftHash(image))
	_, err := w.API.Patch(servicesResource, key, types.MergePatchType, []byte(patch), "", false)
	must(err)
}

// progressing is the condition of a rollout that was aborted or paused.
func (l left) progressing(now time.Time) *v1alpha1.RolloutCondition {
	at := metav1.NewTime(now)
	c := v1alpha1.RolloutCondition{Type: v1alpha1.RolloutProgressing, LastUpdateTime: at, LastTransitionTime: at}
	switch {
	case l.Status["abortedAt"] != nil:
		c.Status, c.Reason, c.Message = corev1.ConditionFalse, v1alpha1.ReasonRolloutAborted, "Rollout aborted update to revision 2"
	case l.Status["phase"] == string(v1alpha1.RolloutPhasePaused):
		c.Status, c.Reason, c.Message = corev1.ConditionUnknown, v1alpha1.ReasonPaused, "Rollout is paused"
	default:
		return nil
	}
	return &c
}

// leaveStatus writes the fields that the other controller has.
func (w *World) leaveStatus(l left) error {
	hash := func(image string) string {
		if image == "" {
			return ""
		}
		return leftHash(image)
	}
	var replicas, ready int32
	for _, key := range w.setsByNumber() {
		rs := w.set(key)
		replicas, ready = replicas+rs.Status.Replicas, ready+rs.Status.ReadyReplicas
	}
	ro := w.Rollout()
	status := map[string]any{
		"observedGeneration": strconv.FormatInt(ro.Generation, 10), "currentPodHash": hash(l.Current), "stableRS": hash(l.Stable),
		"currentStepHash": replicaset.StepsHash(ro.Spec.Strategy.Canary.Steps), "selector": "app=web",
		"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready, "HPAReplicas": replicas, "updatedReplicas": l.Sets[l.Current].Pods,
		"canary": map[string]any{"weights": map[string]any{
			"canary": map[string]any{"weight": l.Weight, "serviceName": "canary", "podTemplateHash": hash(l.C)},
			"stable": map[string]any{"weight": 100 - l.Weight, "serviceName": "stable", "podTemplateHash": hash(l.S)},
		}},
	}
	if c := l.progressing(w.Clock.Now()); c != nil {
		status["conditions"] = []any{c}
	}
	for _, part := range []map[string]any{status, l.Status} {
		patch, err := json.Marshal(map[string]any{"status": part})
		if err != nil {
			return err
		}
		if err := w.PatchStatus(string(patch)); err != nil {
			return err
		}
	}
	return nil
}
