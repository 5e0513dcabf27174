package node

import (
	"context"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnnotationReady set to "false" makes a running pod unready, until it is
// removed again.
const AnnotationReady = "playground/ready"

const retryDelay = 100 * time.Millisecond

// pod runs one pod from binding to removal. Its life is the text of run.
type pod struct {
	node       *Node
	stop       context.CancelFunc
	changed    chan struct{} // something that decides about readiness has changed
	ip         netip.Addr
	started    metav1.Time
	containers []*container
	reported   corev1.PodStatus

	mu     sync.Mutex
	latest *corev1.Pod
}

func (p *pod) run(ctx context.Context) {
	if !p.bind(ctx) {
		return
	}
	p.ip = p.node.takeIP()
	defer p.node.giveIP(p.ip)
	p.started = metav1.Now()
	for _, spec := range p.object().Spec.Containers {
		p.containers = append(p.containers, newContainer(p, spec))
	}
	p.report(ctx) // ContainerCreating
	for _, c := range p.containers {
		c.start(ctx)
	}
	defer p.kill()
	for ctx.Err() == nil && p.object().DeletionTimestamp == nil {
		p.report(ctx)
		select {
		case <-p.changed:
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		p.terminate(ctx)
	}
}

// bind is all that there is of a scheduler. It returns false when there is
// nothing left to run.
func (p *pod) bind(ctx context.Context) bool {
	for {
		object := p.object()
		if object.Spec.NodeName == Name {
			return true
		}
		if len(object.Spec.SchedulingGates) == 0 {
			binding := &corev1.Binding{
				ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name, UID: object.UID},
				Target:     corev1.ObjectReference{Kind: "Node", Name: Name},
			}
			err := p.node.client.CoreV1().Pods(object.Namespace).Bind(ctx, binding, metav1.CreateOptions{})
			if err == nil || apierrors.IsConflict(err) {
				return true
			}
			if apierrors.IsNotFound(err) {
				return false
			}
		}
		select {
		case <-p.changed:
		case <-time.After(retryDelay):
		case <-ctx.Done():
			return false
		}
	}
}

// terminate does what a well-behaved app does when told to stop: it goes on
// serving until those who send to it have heard of it, ends what is in flight,
// and leaves. Then the object is removed.
func (p *pod) terminate(ctx context.Context) {
	object := p.object()
	grace := time.Duration(*object.DeletionGracePeriodSeconds) * time.Second
	deadline, cancel := context.WithDeadline(ctx, time.Now().Add(grace))
	defer cancel()
	var stopping sync.WaitGroup
	for _, c := range p.containers {
		stopping.Go(func() { c.drain(deadline) })
	}
	stopping.Wait()
	now := int64(0)
	for ctx.Err() == nil {
		err := p.node.client.CoreV1().Pods(object.Namespace).Delete(ctx, object.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now,
			Preconditions:      &metav1.Preconditions{UID: &object.UID},
		})
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return
		}
		sleep(ctx, retryDelay)
	}
}

func (p *pod) kill() {
	for _, c := range p.containers {
		c.kill()
	}
}

// update takes over a newer state of the object.
func (p *pod) update(object *corev1.Pod) {
	p.mu.Lock()
	p.latest = object
	p.mu.Unlock()
	p.poke()
}

func (p *pod) object() *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest
}

func (p *pod) poke() {
	select {
	case p.changed <- struct{}{}:
	default: // it is about to look anyway
	}
}

// sleep waits, and tells whether it was not cut short.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
