package node

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// report writes the status if it says something new. Conditions of others,
// such as readiness gates, are not touched.
func (p *pod) report(ctx context.Context) {
	for ctx.Err() == nil {
		object := p.object()
		status := p.status(object)
		if equality.Semantic.DeepEqual(status, p.reported) {
			return
		}
		body, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"uid": object.UID},
			"status":   status,
		})
		if err != nil {
			panic(err) // plain data
		}
		_, err = p.node.client.CoreV1().Pods(object.Namespace).Patch(ctx, object.Name,
			types.StrategicMergePatchType, body, metav1.PatchOptions{}, "status")
		if err == nil {
			p.reported = status
			return
		}
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return // it is gone, or another of that name is there
		}
		sleep(ctx, retryDelay)
	}
}

// status is what a kubelet would say now.
func (p *pod) status(object *corev1.Pod) corev1.PodStatus {
	status := corev1.PodStatus{
		ObservedGeneration: object.Generation,
		Phase:              corev1.PodRunning,
		HostIP:             hostIP.String(),
		HostIPs:            []corev1.HostIP{{IP: hostIP.String()}},
		StartTime:          &p.started,
	}
	notReady := []string{}
	for _, c := range p.containers {
		cs := c.status()
		if cs.State.Running == nil {
			status.Phase = corev1.PodPending
		}
		if !cs.Ready {
			notReady = append(notReady, c.spec.Name)
		}
		status.ContainerStatuses = append(status.ContainerStatuses, cs)
	}
	if status.Phase == corev1.PodRunning {
		status.PodIP = p.ip.String()
		status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	}
	containersReady := podCondition{kind: corev1.ContainersReady, ok: len(notReady) == 0}
	if !containersReady.ok {
		containersReady.reason = "ContainersNotReady"
		containersReady.message = fmt.Sprintf("containers with unready status: %v", notReady)
	}
	for _, c := range []podCondition{
		{kind: corev1.PodScheduled, ok: true},
		{kind: corev1.PodReadyToStartContainers, ok: true},
		{kind: corev1.PodInitialized, ok: true},
		containersReady,
		ready(object, containersReady),
	} {
		status.Conditions = append(status.Conditions, p.condition(object, c))
	}
	return status
}

type podCondition struct {
	kind            corev1.PodConditionType
	ok              bool
	reason, message string
}

// ready adds the readiness gates to what the containers say.
func ready(object *corev1.Pod, containersReady podCondition) podCondition {
	c := containersReady
	c.kind = corev1.PodReady
	if !c.ok {
		return c
	}
	for _, gate := range object.Spec.ReadinessGates {
		if !isTrue(object, gate.ConditionType) {
			return podCondition{
				kind: corev1.PodReady, reason: "ReadinessGatesNotReady",
				message: fmt.Sprintf("the status of pod readiness gate %q is not %q", gate.ConditionType, corev1.ConditionTrue),
			}
		}
	}
	return c
}

func isTrue(object *corev1.Pod, kind corev1.PodConditionType) bool {
	for _, c := range object.Status.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// condition dates a condition: now if it changes, else as it was reported.
func (p *pod) condition(object *corev1.Pod, c podCondition) corev1.PodCondition {
	value := corev1.ConditionFalse
	if c.ok {
		value = corev1.ConditionTrue
	}
	result := corev1.PodCondition{
		Type: c.kind, Status: value, Reason: c.reason, Message: c.message,
		ObservedGeneration: object.Generation, LastTransitionTime: metav1.Now(),
	}
	for _, before := range p.reported.Conditions {
		if before.Type == c.kind && before.Status == value {
			result.LastTransitionTime = before.LastTransitionTime
		}
	}
	return result
}
