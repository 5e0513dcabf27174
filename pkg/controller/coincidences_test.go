// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// coincidences are what seldom comes together by itself, and is what a gate is
// there for: hack/mutations.txt.
func (s *simulation) coincidences(often often) {
	often(2, "half-seen", s.halfSeen)
	often(1, "on-the-brink", s.onTheBrink)
	if s.trial.routed() {
		often(2, "in-doubt", s.inDoubt)
		often(3, "third", s.third)
		often(1, "relisted", s.relisted)
		often(2, "unadopted", s.unadopted)
		often(2, "misled", s.misled)
		often(1, "emptied", s.emptied)
		often(1, "hidden", s.hidden)
		often(2, "rescued", s.rescued)
		often(2, "left-behind", s.leftBehind)
	}
	if slices.Contains(s.trial.kinds(), "istio") {
		often(1, "beside", s.beside)
	}
	if len(s.trial.kinds()) > 1 {
		often(2, "reroute", s.reroute)
	}
}

// begun: one of the coincidences comes first, before anything else is wrong.
func (s *simulation) begun() {
	if !rapid.Bool().Draw(s.t, "a coincidence first") {
		return
	}
	actions := map[string]func(*rapid.T){}
	s.coincidences(func(_ int, name string, action func(*rapid.T)) { actions[name] = action })
	actions[rapid.SampledFrom(slices.Sorted(maps.Keys(actions))).Draw(s.t, "coincidence")](s.t)
	s.work(s.t)
}

// halfSeen: pods come or go while one of those who tell of them sleeps, and the
// user goes on.
func (s *simulation) halfSeen(t *rapid.T) {
	s.do("sleep", "", "controller", rapid.SampledFrom([]string{"replicasets", "endpointslices", "kubelets"}).Draw(t, "controller"))
	switch rapid.SampledFrom([]string{"scale", "resize", "stable", "canary", "canary"}).Draw(t, "pods") {
	case "scale":
		s.do("scale", "", "to", rapid.SampledFrom([]string{"1", "3", "5", "12"}).Draw(t, "to"))
	case "resize":
		s.do("resize-set", "", "v2", rapid.SampledFrom([]string{"1", "3", "12"}).Draw(t, "to"))
	case "stable":
		s.do("ready", "", "v1", rapid.SampledFrom([]string{"0", "1", "all"}).Draw(t, "ready"))
	default:
		s.do("ready", "", "v2", rapid.SampledFrom([]string{"0", "1", "all"}).Draw(t, "ready"))
	}
	s.goOn(t)
}

// inDoubt: nobody knows what became of a write to a route, or can find out, and
// the user goes on.
func (s *simulation) inDoubt(t *rapid.T) {
	aborted := rapid.Bool().Draw(t, "aborted")
	if aborted && rapid.Bool().Draw(t, "impatient") {
		s.do("ack-timeout", "", "for", "3s")
	}
	s.doubt(t, rapid.SampledFrom(s.resources()).Draw(t, "resource"))
	if aborted {
		s.do("abort", "")
		for range 3 {
			s.round()
			s.do("wait", "", "for", "6s")
		}
		s.round()
		return
	}
	s.do("promote", "")
	s.round()
	s.do("ready", "", "v2", "all")
	s.goOn(t)
}

// doubt: nobody will know what has become of the next write to a resource.
func (s *simulation) doubt(t *rapid.T, resource string) {
	s.do("blind", "", "resource", resource)
	s.do("fail", "", "how", rapid.SampledFrom([]string{"lost", "unanswered"}).Draw(t, "how"), "of", resource)
}

// onTheBrink: all is there for a promotion, and then its pods are not.
func (s *simulation) onTheBrink(t *rapid.T) {
	s.do("ready", "", "v2", "all")
	s.do("promote-full", "")
	for range rapid.IntRange(1, 3).Draw(t, "rounds") {
		s.round()
	}
	lost := rapid.SampledFrom([]string{"pods", "Service", "both"}).Draw(t, "lost")
	if lost != "Service" {
		s.do("ready", "", "v2", rapid.SampledFrom([]string{"0", "1"}).Draw(t, "left"))
		s.do("wait", "", "for", "3s")
		s.round()
	}
	if lost != "pods" && s.trial.mesh != "none" {
		s.do("remove", "", "service", rapid.SampledFrom([]string{"stable", "canary"}).Draw(t, "service"))
		s.do("ready", "", "v2", "all")
		s.do("wait", "", "for", "3s")
		s.round()
		s.round()
	}
}

// third: a third version comes while nobody can take over from the second, and then
// nobody knows how many pods stable has, or what a route says.
func (s *simulation) third(t *rapid.T) {
	s.do("ready", "", "v2", "all")
	unknown := rapid.SampledFrom(append(s.resources(), "", "")).Draw(t, "unknown")
	for i := range rapid.IntRange(0, 2).Draw(t, "promotions") {
		if i == 0 && unknown != "" {
			s.doubt(t, unknown)
		}
		s.do("promote", "")
		s.round()
	}
	s.do("ready", "", "v1", rapid.SampledFrom([]string{"0", "1"}).Draw(t, "left"))
	s.do("deploy", "", "image", "v3")
	s.do("ready", "", "v3", "all")
	for range rapid.IntRange(1, 3).Draw(t, "rounds") {
		s.round()
	}
	if rapid.Bool().Draw(t, "in full") {
		s.do("skip", "", "to", "5")
		s.round()
		s.round()
	}
	if rapid.Bool().Draw(t, "lags") {
		s.do("sleep", "", "controller", "replicasets")
		s.do("resize-set", "", "v1", "12")
	}
	s.round()
	s.do("wait", "", "for", "3s")
	s.round()
	if rapid.Bool().Draw(t, "back") {
		s.goBack()
	}
}

// goBack is an abort, until what it leaves may go.
func (s *simulation) goBack() {
	s.do("abort", "")
	s.round()
	s.round()
	s.do("wait", "", "for", "35s")
	s.round()
	s.round()
}

// rescued: stable dies while a third version comes, which nobody knows whether the
// canary Service was given to, and then fewer pods are asked for.
func (s *simulation) rescued(t *rapid.T) {
	s.do("ready", "", "v2", "all")
	for range rapid.IntRange(0, 2).Draw(t, "promotions") {
		s.do("promote", "")
		s.round()
		s.round()
	}
	s.do("ready", "", "v1", "0")
	s.do("deploy", "", "image", "v3")
	s.round()
	s.doubt(t, "services")
	s.do("skip", "", "to", "5")
	s.do("ready", "", "v3", "all")
	for range 2 {
		s.round()
		s.do("wait", "", "for", "3s")
	}
	s.round()
	if rapid.Bool().Draw(t, "fewer") {
		s.do("steps", fmt.Sprintf("setWeight: %d\n", s.trial.total/10))
	}
	s.goBack()
}

// relisted: of two Services that select the same, one has them all and the other few.
func (s *simulation) relisted(t *rapid.T) {
	image := rapid.SampledFrom([]string{"v1", "v1", "v2"}).Draw(t, "image")
	s.listFew(image, rapid.SampledFrom([]string{"stable", "canary"}).Draw(t, "service"))
	s.do("ready", "", image, rapid.SampledFrom([]string{"1", "all"}).Draw(t, "left"))
	s.do("wait", "", "for", "3s")
	s.do("weigh", "", "canary", rapid.SampledFrom([]string{"0", "100"}).Draw(t, "weight"))
	s.round()
}

// listFew: a Service was gone while the pods of a version came, and those who list them
// sleep.
func (s *simulation) listFew(image, service string) {
	s.do("ready", "", image, "1")
	s.do("remove", "", "service", service)
	s.do("ready", "", image, "all")
	s.do("sleep", "", "controller", "endpointslices")
	s.do("restore", "")
	s.round()
}

// unadopted: the canary Service selects everybody, or somebody else, and has the
// weight of a step already.
func (s *simulation) unadopted(t *rapid.T) {
	s.do("ready", "", "v2", rapid.SampledFrom([]string{"0", "1", "3", "all", "all"}).Draw(t, "left"))
	s.do("point", "", "service", "canary", "image", rapid.SampledFrom([]string{"none", "none", "v1", "nobody"}).Draw(t, "image"))
	if rapid.Bool().Draw(t, "again") {
		s.do("skip", "", "to", rapid.SampledFrom([]string{"0", "5"}).Draw(t, "to"))
	} else {
		percent := rapid.SampledFrom([]int{10, 20, 50, 90, 100}).Draw(t, "percent")
		if rapid.IntRange(0, 2).Draw(t, "of a step") > 0 {
			s.do("steps", fmt.Sprintf("setWeight: %d\npause: {}\n", percent*s.trial.total/100))
		}
		s.do("weigh", "", "canary", fmt.Sprint(percent))
	}
	for range 2 {
		s.round()
		s.do("wait", "", "for", "3s")
	}
	s.round()
}

// misled: somebody points the stable Service, with all the weight that it has, at
// what is being released, whose pods are lost.
func (s *simulation) misled(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "few") == 0 {
		s.listFew("v2", "canary")
	} else {
		s.do("ready", "", "v2", rapid.SampledFrom([]string{"0", "1", "all"}).Draw(t, "before"))
	}
	s.do("point", "", "service", "stable", "image", "v2")
	for range rapid.IntRange(0, 2).Draw(t, "rounds") {
		s.round()
	}
	s.do("ready", "", "v1", rapid.SampledFrom([]string{"0", "1", "all"}).Draw(t, "stable"))
	s.do("ready", "", "v2", rapid.SampledFrom([]string{"0", "0", "1"}).Draw(t, "left"))
	s.do("wait", "", "for", "3s")
	s.round()
	s.do(rapid.SampledFrom([]string{"retry", "abort", "promote"}).Draw(t, "user"), "")
	s.round()
}

// emptied: there are to be no pods, and for a moment they are there still, managed
// routes and all.
func (s *simulation) emptied(*rapid.T) {
	s.do("ready", "", "v2", "all")
	s.do("promote", "")
	s.round()
	s.round()
	s.do("scale", "", "to", "0")
	s.do("drop-managed", "")
	s.do("wait", "", "for", "3s")
	for _, kind := range s.trial.kinds() {
		s.do("sync", "", "loop", "traffic-"+kind)
	}
	s.round()
	s.do("scale", "", "to", "3")
}

// hidden: the managed routes are taken away together with the pods that they lead
// to, which are listed still.
func (s *simulation) hidden(*rapid.T) {
	s.do("ready", "", "v2", "all")
	s.round()
	s.do("sleep", "", "controller", "endpointslices")
	s.do("ready", "", "v2", "0")
	s.do("wait", "", "for", "3s")
	s.do("drop-managed", "")
	s.round()
	s.round()
}

// leftBehind: a data plane shows a managed route, or gives the canary more weight
// than it is to have; its loop does not come to work, and the user goes back or on.
func (s *simulation) leftBehind(t *rapid.T) {
	kind := rapid.SampledFrom(s.trial.kinds()).Draw(t, "kind")
	s.do("ready", "", "v2", "all")
	if rapid.Bool().Draw(t, "shows") {
		s.do("steps", "setCanaryScale: {replicas: 1}\n"+`setHeaderRoute: {name: preview, match: [{headerName: x, headerValue: {exact: "y"}}]}`+"\npause: {}\n")
		for range 3 {
			s.round()
			s.do("wait", "", "for", "3s")
		}
	} else {
		s.do("weigh", "", "canary", rapid.SampledFrom([]string{"40", "100"}).Draw(t, "weight"), "of", resourceOf(kind))
	}
	s.next(t)
	others := slices.DeleteFunc(s.loops(), func(loop string) bool { return loop == "traffic-"+kind })
	for _, later := range []string{"3s", "6s", "35s", "3s"} {
		s.do("sync", "", "loop", strings.Join(rapid.Permutation(others).Draw(t, "order"), "+"))
		s.do("wait", "", "for", later)
	}
	s.round()
}

// beside: a route that comes beside the only one of a VirtualService makes it unknown
// what that carries, while pods of stable are lost, and the user goes back or on.
func (s *simulation) beside(t *rapid.T) {
	s.do("ready", "", "v2", "all")
	for range rapid.IntRange(0, 2).Draw(t, "promotions") {
		s.do("promote", "")
		s.round()
		s.round()
	}
	s.do("edit-route", "", "of", "virtualservices")
	s.round()
	s.do("ready", "", "v1", rapid.SampledFrom([]string{"0", "1", "all"}).Draw(t, "left"))
	s.do("wait", "", "for", "3s")
	s.next(t)
	s.round()
	s.do("wait", "", "for", "6s")
	s.round()
	s.do("edit-route", "", "of", "virtualservices", "at", "gone")
}

// reroute: the spec names one data plane less for a while, of which nobody may know
// whether it was given back.
func (s *simulation) reroute(t *rapid.T) {
	const spec = `{"spec":{"strategy":{"canary":{"trafficRouting":{%s}}}}}` + "\n"
	kind := rapid.SampledFrom(s.trial.kinds()).Draw(t, "kind")
	named := map[string]string{
		"gatewayAPI": `"gatewayAPI":{"httpRoute":"web"}`,
		"istio":      `"istio":{"virtualService":{"name":"web"}}`,
		"testroutes": `"plugins":{"testroutes":{"name":"web"}}`,
	}[kind]
	field, _, _ := strings.Cut(named, ":")
	s.do("ready", "", "v2", "all")
	for range 2 {
		s.do(rapid.SampledFrom([]string{"promote", "retry"}).Draw(t, "before"), "")
		s.round()
		s.round()
	}
	later := "3s"
	if rapid.IntRange(0, 3).Draw(t, "in doubt") > 0 {
		s.doubt(t, resourceOf(kind))
		later = "35s"
	}
	s.do("spec", fmt.Sprintf(spec, field+":null"))
	s.round()
	s.do("wait", "", "for", rapid.SampledFrom([]string{"600ms", "3s", "6s"}).Draw(t, "for"))
	s.round()
	s.do("abort", "")
	s.round()
	s.round()
	s.do("wait", "", "for", later)
	s.round()
	s.round()
	s.do("spec", fmt.Sprintf(spec, named))
}

// resources of the trial's routes.
func (s *simulation) resources() []string {
	var all []string
	for _, kind := range s.trial.kinds() {
		all = append(all, resourceOf(kind))
	}
	return all
}

// resourceOf a kind of data plane.
func resourceOf(kind string) string {
	return map[string]string{"gatewayAPI": "httproutes", "istio": "virtualservices", "testroutes": "testroutes"}[kind]
}

// goOn is what the user does next, once everybody has had the time to hear of
// what was before.
func (s *simulation) goOn(t *rapid.T) {
	s.round()
	s.do("wait", "", "for", fmt.Sprint(rapid.SampledFrom([]int{3, 3, 6}).Draw(t, "later"), "s"))
	s.next(t)
	for range rapid.IntRange(1, 3).Draw(t, "rounds") {
		s.round()
	}
}

// next is what the user does next.
func (s *simulation) next(t *rapid.T) {
	switch next := rapid.SampledFrom([]string{"promote", "promote", "abort", "skip", "promote-full", "deploy"}).Draw(t, "next"); next {
	case "skip":
		s.do("skip", "", "to", "0")
	case "deploy":
		s.do("deploy", "", "image", "v3")
		s.do("ready", "", "v3", "all")
	default:
		s.do(next, "")
	}
}
