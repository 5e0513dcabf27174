// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"testing"
	"testing/synctest"

	rolloutfake "github.com/sluice-rollouts/sluice/pkg/client/clientset/versioned/fake"
	"github.com/sluice-rollouts/sluice/pkg/controller"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
)

// One event tells of a deletion, whether it takes its time or not.
func TestADeletionIsToldOnce(t *testing.T) {
	t.Parallel()
	for name, deletion := range map[string]func(*watch.FakeWatcher){
		"in the background": func(w *watch.FakeWatcher) { w.Delete(referring("Deployment")) },
		"in the foreground": func(w *watch.FakeWatcher) {
			going := referring("Deployment")
			now := metav1.Now()
			going.DeletionTimestamp = &now
			w.Modify(going)
			w.Modify(going)
			w.Delete(going)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			kube, rollouts, stored := kubefake.NewClientset(deployment("shop")), rolloutfake.NewClientset(), watch.NewFake()
			rollouts.PrependWatchReactor("rollouts", clienttesting.DefaultWatchReactor(stored, nil))
			c := watched(t, controller.Clients{Kube: kube, Rollouts: rollouts})
			stored.Add(referring("Deployment"))
			deletion(stored)
			synctest.Wait()
			told := c.Desk.Events.(*record.FakeRecorder).Events
			if len(told) != 1 {
				t.Fatalf("%s: told of %d times", name, len(told))
			}
			if got, want := <-told, "Normal RolloutDeleted Rollout shop/web deleted"; got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		})
	}
}
