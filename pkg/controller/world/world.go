// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package world is where the controller is tested: the generated fake
// clientsets with the rules of an API server, virtual pods, a virtual clock,
// and faults. Nothing in it runs by itself: every sync, every delivery of a
// watch event and every tick is a call.
package world

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"
	rolloutfake "github.com/sluice-rollouts/sluice/pkg/client/clientset/versioned/fake"
	"github.com/sluice-rollouts/sluice/pkg/controller"
	"github.com/sluice-rollouts/sluice/pkg/controller/loop"
	"github.com/sluice-rollouts/sluice/pkg/controller/observe"
	"github.com/sluice-rollouts/sluice/pkg/controller/plan"
	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/all"
	"github.com/sluice-rollouts/sluice/pkg/replicaset"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
)

// Namespace of everything in the world, and Name of its rollout.
const (
	Namespace = "shop"
	Name      = "web"
)

// Key of the rollout.
var Key = cache.NewObjectName(Namespace, Name)

// World has one rollout and all that it touches.
type World struct {
	API   *API
	Clock *clocktesting.FakeClock
	// Controller is the running one; Restart makes another.
	Controller *controller.Controller
	// held are the resources whose watch events wait until Deliver.
	held map[string]bool
	// asleep are the resources whose controller does nothing: ReplicaSets and
	// EndpointSlices; and kubelets, without which no pod goes.
	asleep map[string]bool
	// blind are the resources that the API server lets nobody read one by one.
	blind map[string]bool
	// mute are the resources whose data plane is dead: it serves what it served,
	// and acknowledges nothing. The others acknowledge at once.
	mute map[string]bool
	// refusal, where set, is why it accepts no generation from now on; refused,
	// where set, is what it says of that while it accepts the rest.
	refusal, refused string
	// silent, where set, is the parent of routes that does not answer.
	silent string
	// neighbourly: the neighbour writes.
	neighbourly bool
	// ackTimeout is the flag of that name.
	ackTimeout time.Duration
	caches     map[schema.GroupVersionResource]*informed
	// workloads has the caches of what a Rollout can refer to.
	workloads map[schema.GroupVersionResource]*informed
	pending   []Write
	events    *record.FakeRecorder
	// unhang ends the write that hangs.
	unhang func()
	// Writes counts the controller's writes by resource.
	Writes map[string]int
	// manifests of what users have applied, and the objects in their order.
	manifests map[object]*unstructured.Unstructured
	applied   []object
	// ready pods by version, or All.
	ready map[string]int32
	// history has the states that a write may rest on, no older than patience
	// but for the first.
	history []state
	// weighings of the route objects, oldest first.
	weighings map[object][]weighing
	// replaces: what takes the place of an evicted pod is ready after a moment;
	// evicted are how many of a version were ready before.
	replaces bool
	evicted  map[string]int32
	// before is the size of the Deployment as somebody else last wrote it.
	before int32
	// follow lets a controller hear of workloads; unread: the next one that is
	// started does not before Deliver.
	follow func()
	unread bool
	// filled has the revisions with a note of the pods that they had for all of D,
	// by hash, and the write since which it counts no more.
	filled map[string]Write
	// carriers are the most pods that the canary has had for its weight, by route
	// object on which we raised it.
	carriers map[object]int32
	// told is what status has told of available pods, oldest first.
	told []told
	// podLists counts the lists of pods that the controller asked for.
	podLists int
	// unsure are the objects with a write of this controller whose outcome it
	// does not know, and has not read since.
	// doubt is the one that is being written.
	unsure map[object]Write
	doubt  *Write
	// read is the version of the API server at which this controller last read
	// an object for itself.
	read map[object]int64
	// Manual: nothing is synced but by Sync.
	Manual bool
	// fail is what happens to our next write, of failOf where that names a
	// resource; crash is how many writes are left before the controller dies.
	fail, failOf string
	crash        int
	// down: no controller runs.
	down bool
	// woken: one loop has woken the others.
	woken bool
	// due is when a loop has asked to work again without a change.
	due map[string]time.Time
	// written counts the writes of one sync by object.
	written map[string]int
	// OnPass, where set, is told of each passage from rule to rule; rule is the
	// last one seen, verb what was done since then.
	OnPass     func(Passage)
	rule, verb string
	// autoscaler of the rollout, nil for none.
	autoscaler *autoscaler
	// reverter of the routes, nil for none; repairs is what the controller does
	// about it.
	reverter *reverter
	repairs  map[object]repaired
	// Breaches of invariants, as sentences.
	Breaches []string
	// Judged counts the writes of the controller that were compared with them.
	Judged int64
}

// Settle times of the world.
const (
	settleAcked   = time.Second
	settleUnacked = 5 * time.Second
)

// New makes an empty world.
func New() *World {
	w := &World{
		API: newAPI(), Clock: clocktesting.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		mute: map[string]bool{}, manifests: map[object]*unstructured.Unstructured{}, asleep: map[string]bool{}, blind: map[string]bool{}, weighings: map[object][]weighing{},
		Writes: map[string]int{}, ready: map[string]int32{}, evicted: map[string]int32{}, filled: map[string]Write{}, carriers: map[object]int32{},
	}
	w.API.Now = func() metav1.Time { return metav1.NewTime(w.Clock.Now()) }
	w.API.Changed = w.changed
	w.API.Fail, w.API.Read = w.failing, w.reading
	w.Restart()
	return w
}

// Restart kills the controller and starts another, with caches that have
// caught up.
func (w *World) Restart() {
	kinds := kinds()
	w.caches = map[schema.GroupVersionResource]*informed{
		rolloutsResource: newIndexer(observe.RolloutIndexers(kinds)),
		setsResource:     newIndexer(observe.SetIndexers()),
		servicesResource: newIndexer(observe.ServiceIndexers()),
		slicesResource:   newIndexer(observe.SliceIndexers()),
	}
	caches := observe.NewCaches(w.caches[rolloutsResource], w.caches[setsResource], w.caches[servicesResource], w.caches[slicesResource])
	for _, kind := range kinds {
		for _, resource := range kind.Resources {
			gvr := resource.WithVersion(resource.Versions[0])
			w.caches[gvr] = newIndexer(observe.RouteIndexers())
			caches.Serve(gvr, w.caches[gvr])
		}
	}
	w.workloads = map[schema.GroupVersionResource]*informed{}
	for _, resource := range workloadResources {
		w.workloads[resource] = newIndexer(nil)
	}
	w.follow = func() {
		for kind, resource := range workloadResources {
			caches.Follow(observe.Place{Kind: kind, Namespace: Namespace}, w.workloads[resource])
		}
	}
	if !w.unread {
		w.follow()
	}
	w.pending, w.held, w.down, w.unsure, w.repairs = nil, map[string]bool{}, false, map[object]Write{}, map[object]repaired{}
	w.read = map[object]int64{}
	for resource, objects := range w.API.objects {
		for key, obj := range objects {
			w.deliver(Write{Resource: resource, Key: key, After: obj, version: w.API.version})
		}
	}
	if w.events == nil {
		w.events = record.NewFakeRecorder(1000)
	}
	w.Controller = controller.New(controller.Options{
		Clients: w.clients(), Events: w.events, Kinds: kinds, Clock: w.Clock,
		Settings: plan.Settings{SettleAcked: settleAcked, SettleUnacked: settleUnacked, AckTimeout: w.ackTimeout},
	}, caches)
	wake := w.Controller.Desk.Wake
	w.Controller.Desk.Wake = func(key cache.ObjectName, except ...string) {
		w.woken = true
		wake(key, except...)
	}
	w.due = map[string]time.Time{}
	for _, name := range w.Loops() {
		w.due[name] = w.Clock.Now() // its informers tell of every object once
	}
}

// kinds of data planes that the world has.
func kinds() []mesh.Kind { return append(all.Kinds(), testRoute()) }

// informed is the cache of an informer, which knows how far it has come.
type informed struct {
	cache.Indexer
	version int64
}

// LastStoreSyncResourceVersion is the version that the cache has reached.
func (i *informed) LastStoreSyncResourceVersion() string { return strconv.FormatInt(i.version, 10) }

func newIndexer(indexers cache.Indexers) *informed {
	return &informed{Indexer: cache.NewIndexer(cache.MetaNamespaceKeyFunc, indexers)}
}

func (w *World) clients() controller.Clients {
	kube, rollouts := kubefake.NewClientset(), rolloutfake.NewClientset()
	dynamic := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), listKinds())
	kube.PrependReactor("*", "*", w.API.React(true))
	kube.PrependReactor("list", "pods", w.listPods)
	kube.PrependReactor("create", "pods", w.evictPod)
	rollouts.PrependReactor("*", "*", w.API.React(true))
	dynamic.PrependReactor("*", "*", w.API.React(false))
	return controller.Clients{Kube: kube, Rollouts: rollouts, Dynamic: dynamic}
}

func listKinds() map[schema.GroupVersionResource]string {
	lists := map[schema.GroupVersionResource]string{}
	for _, kind := range kinds() {
		for _, r := range kind.Resources {
			lists[r.WithVersion(r.Versions[0])] = r.Kind + "List"
		}
	}
	return lists
}

// changed follows every write: the cluster reacts to it, and the caches hear
// of it now or later.
func (w *World) changed(write Write) {
	if write.Ours {
		w.Writes[write.Resource.Resource]++
		w.Judged++
		w.judge(write)
		w.overlay(write)
		w.written[write.Resource.Resource+"/"+write.Key.Name+"/"+write.Verb+write.Subresource]++
		delete(w.unsure, object{write.Resource, write.Key})
		w.doubted()
	}
	w.weigh(write)
	w.spaceRepairs(write)
	w.sizeBefore(write)
	w.noteTold(write)
	if t, ok := (state{api: w.API, objects: w.API.objects}).truth(); ok {
		w.noteFilled(t, write)
		w.noteCarriers(t, write)
	}
	w.remember()
	w.pending = append(w.pending, write)
	w.deliverAll()
	w.react(write)
	if write.Ours && w.crash > 0 {
		if w.crash--; w.crash == 0 {
			panic(crashed{})
		}
	}
}

// Hold lets the cache of a resource hear of nothing until Deliver, or for as long
// as a decision may be old: nobody can promise anything on an older cache.
func (w *World) Hold(resource string) { w.held[resource] = true }

// Deliver lets the caches hear of everything that they have not heard of.
func (w *World) Deliver() {
	if w.held = map[string]bool{}; w.unread {
		w.unread = false
		w.follow()
	}
	w.deliverAll()
}

func (w *World) deliverAll() {
	var waiting []Write
	for _, write := range w.pending {
		if w.held[write.Resource.Resource] && w.Clock.Since(write.at) <= patience {
			waiting = append(waiting, write)
			continue
		}
		w.deliver(write)
	}
	w.pending = waiting
}

func (w *World) deliver(write Write) {
	w.keep(w.caches[write.Resource], write, elsewhere(write), stripped)
	w.keep(w.workloads[write.Resource], write, false, func(obj any) any { return observe.WorkloadOf(obj) })
}

// stripped: of a ReplicaSet's template an informer keeps what it means.
func stripped(obj any) any {
	rs, ok := obj.(*appsv1.ReplicaSet)
	if !ok {
		return obj
	}
	rs = rs.DeepCopy()
	observe.StripTemplate(rs)
	return rs
}

// keep what a write left in a cache, if the cache is there.
func (w *World) keep(indexer *informed, write Write, elsewhere bool, as func(any) any) {
	if indexer == nil {
		return
	}
	indexer.version = max(indexer.version, write.version)
	switch {
	case write.After == nil || elsewhere:
		must(indexer.Delete(&metav1.ObjectMeta{Namespace: write.Key.Namespace, Name: write.Key.Name}))
	default:
		obj, err := w.API.Typed(write.Resource, write.After)
		must(err)
		must(indexer.Add(as(obj)))
	}
}

// elsewhere: the watch of Rollouts is for those without an instance id, that of
// ReplicaSets for those of Rollouts.
func elsewhere(write Write) bool {
	if write.After == nil {
		return false
	}
	_, instance := write.After.GetLabels()[v1alpha1.InstanceIDLabel]
	_, owned := write.After.GetLabels()[replicaset.HashLabel]
	return instance && write.Resource == rolloutsResource || !owned && write.Resource == setsResource
}

// Rollout as it is stored, read-only, nil if there is none.
func (w *World) Rollout() *v1alpha1.Rollout {
	obj := w.API.objects[rolloutsResource][Key]
	if obj == nil {
		return nil
	}
	return w.API.rollout(obj)
}

// Plan of the controller as its caches stand; its rule is "-" where these do
// not let it plan.
func (w *World) Plan() (plan.Snapshot, plan.Plan) {
	s, p, _, err := w.Controller.Desk.Plan(context.Background(), Key)
	if errors.Is(err, loop.ErrStale) {
		return s, plan.Plan{Rule: "-"}
	}
	must(err)
	return s, p
}

// Events that were sent since the last call.
func (w *World) Events() []string {
	var all []string
	for {
		select {
		case e := <-w.events.Events:
			all = append(all, e)
		default:
			return all
		}
	}
}

// must is for what cannot fail in a world.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
