// Package node plays a node: it binds pending pods, gives each an address, runs
// their containers as HTTP servers in this process, and reports their status as
// a kubelet does. Without listening it does all of that but serve.
//
// It never looks at volumes, images or resources: every container is the app of
// this package, which its environment variables steer (see appOf).
package node

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Name of the node.
const Name = "playground"

var (
	hostIP   = netip.MustParseAddr("10.244.0.1")
	podRange = netip.MustParsePrefix("10.244.0.0/16")
)

// Options of the node.
type Options struct {
	Listen bool          // pods serve on their own addresses, which must be local ones
	Drain  time.Duration // how long a pod told to stop goes on serving, within its grace period
}

// Node is a running node.
type Node struct {
	client  kubernetes.Interface
	options Options
	running sync.WaitGroup

	mu     sync.Mutex
	pods   map[types.UID]*pod
	taken  map[netip.Addr]bool
	lastIP netip.Addr
}

// Start registers the node and runs pods until ctx ends.
func Start(ctx context.Context, client kubernetes.Interface, options Options) (*Node, error) {
	n := &Node{
		client:  client,
		options: options,
		pods:    map[types.UID]*pod{},
		taken:   map[netip.Addr]bool{},
		lastIP:  hostIP,
	}
	if err := n.register(ctx); err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Pods().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { n.seen(ctx, object.(*corev1.Pod)) },
		UpdateFunc: func(_, object any) { n.seen(ctx, object.(*corev1.Pod)) },
		DeleteFunc: n.gone,
	})
	if err != nil {
		return nil, fmt.Errorf("watch pods: %w", err)
	}
	factory.Start(ctx.Done())
	n.running.Go(func() { <-ctx.Done(); factory.Shutdown() })
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, fmt.Errorf("list pods: %w", context.Cause(ctx))
	}
	return n, nil
}

// Wait returns when the context of Start has ended and all pods have stopped.
func (n *Node) Wait() { n.running.Wait() }

// register creates the Node object. Nothing here watches its health, so that
// it needs no heartbeat.
func (n *Node) register(ctx context.Context) error {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("1000"),
		corev1.ResourceMemory:           resource.MustParse("4000Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("4000Gi"),
		corev1.ResourcePods:             resource.MustParse("10k"),
	}
	now := metav1.Now()
	object := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Labels: map[string]string{corev1.LabelHostname: Name, corev1.LabelOSStable: "linux"}},
		Spec:       corev1.NodeSpec{PodCIDR: podRange.String(), PodCIDRs: []string{podRange.String()}},
		Status: corev1.NodeStatus{
			Capacity:    capacity,
			Allocatable: capacity,
			Addresses:   []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: hostIP.String()}, {Type: corev1.NodeHostName, Address: Name}},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
				LastHeartbeatTime: now, LastTransitionTime: now,
			}},
			NodeInfo: corev1.NodeSystemInfo{OperatingSystem: "linux", ContainerRuntimeVersion: "playground://1"},
		},
	}
	created, err := n.client.CoreV1().Nodes().Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) { // of an earlier run on the same data
		return nil
	}
	if err != nil {
		return fmt.Errorf("register node: %w", err)
	}
	created.Status = object.Status
	if _, err := n.client.CoreV1().Nodes().UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("report node ready: %w", err)
	}
	return nil
}

// seen hands a pod's new state to the one that runs it.
func (n *Node) seen(ctx context.Context, object *corev1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.pods[object.UID]; p != nil {
		p.update(object)
		return
	}
	if object.Spec.NodeName != "" && object.Spec.NodeName != Name || ended(object) || ctx.Err() != nil {
		return
	}
	running, stop := context.WithCancel(ctx)
	p := &pod{node: n, stop: stop, latest: object, changed: make(chan struct{}, 1)}
	n.pods[object.UID] = p
	n.running.Go(func() { p.run(running) })
}

// gone ends a pod whose object does not exist any more.
func (n *Node) gone(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if o, ok := object.(*corev1.Pod); ok && n.pods[o.UID] != nil {
		n.pods[o.UID].stop()
		delete(n.pods, o.UID)
	}
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// takeIP gives out the addresses in turn, so that one that was just given back
// is not soon used again: a proxy may still hold it to be its former owner's.
func (n *Node) takeIP() netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		n.lastIP = n.lastIP.Next()
		if !podRange.Contains(n.lastIP) {
			n.lastIP = hostIP.Next()
		}
		if !n.taken[n.lastIP] {
			n.taken[n.lastIP] = true
			return n.lastIP
		}
	}
}

func (n *Node) giveIP(ip netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.taken, ip)
}
