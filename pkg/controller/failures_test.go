// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/controller/world"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/cache"
)

// What fails at each try, in other words each time, as behind a webhook that is down,
// is told once, keeps nobody from anything else, and is tried again when its loop says.
func TestAFailureThatLasts(t *testing.T) {
	t.Parallel()
	for loop, resource := range map[string]string{"slots": "services", "traffic-gatewayAPI": "httproutes", "scale": "replicasets"} {
		w := world.New()
		act(t, w, "shop", "setWeight: 20\npause: {}")
		act(t, w, "deploy image=v2")
		act(t, w, "manual")
		act(t, w, "ready v2=all")
		for _, earlier := range []string{"rollout", "slots", "rollout"} {
			if earlier == loop {
				break
			}
			w.Sync(earlier)
			act(t, w, "wait for=1s")
		}
		if loop == "scale" {
			act(t, w, "scale to=12")
		}
		w.Events()
		tries, fail, selfish := 0, w.API.Fail, 0
		w.API.Fail = func(write world.Write) (before, after error) {
			if write.Resource.Resource != resource {
				return fail(write)
			}
			tries++
			return apierrors.NewInternalError(fmt.Errorf("failed calling webhook on port %d", tries)), nil
		}
		wake := w.Controller.Desk.Wake
		w.Controller.Desk.Wake = func(key cache.ObjectName, except ...string) {
			if !slices.Contains(except, loop) {
				selfish++
			}
			wake(key, except...)
		}
		for range 5 {
			w.Sync(loop)
			act(t, w, "wait for=1s")
		}
		told := slices.DeleteFunc(w.Events(), func(e string) bool { return !strings.HasPrefix(e, "Warning") })
		if len(told) != 1 || tries < 5 || selfish > 0 {
			t.Errorf("%s: %d tries, and it woke itself %d times, told %q", loop, tries, selfish, told)
		}
		before := w.Version()
		for range 10 {
			w.Sync(loop)
			w.Sync("rollout")
			act(t, w, "wait for=1s")
		}
		if writes := w.Version() - before; writes > 3 {
			t.Errorf("%s: %d writes while it fails", loop, writes)
		}
	}
}

// What fails about an old revision holds up neither an abort nor what status tells.
func TestAFailureBesides(t *testing.T) {
	t.Parallel()
	w := world.New()
	act(t, w, "shop", "setWeight: 20\npause: {}")
	act(t, w, "spec", `{"spec":{"revisionHistoryLimit":0,"strategy":{"canary":{"abortScaleDownDelaySeconds":10}}}}`)
	fail := w.API.Fail
	w.API.Fail = func(write world.Write) (before, after error) {
		if write.Resource.Resource == "replicasets" && write.Verb == "delete" {
			return apierrors.NewForbidden(write.Resource.GroupResource(), write.Key.Name, errors.New("denied by policy")), nil
		}
		return fail(write)
	}
	for _, command := range []string{"deploy image=v2", "promote-full", "ready v2=all", "wait for=5s", "deploy image=v3", "ready v3=all", "wait for=40s", "abort", "wait for=60s"} {
		act(t, w, command)
	}
	status := w.Rollout().Status
	if status.Phase != "Degraded" || status.BlockedOn == nil || !strings.Contains(status.BlockedOn.Have, "denied by policy") {
		t.Errorf("the abort ends %s, blocked on %+v\n%s", status.Phase, status.BlockedOn, w.Show())
	}
	if out := w.Show(); !strings.Contains(out, "v3 0/0") {
		t.Errorf("the aborted version keeps its pods:\n%s", out)
	}
}
