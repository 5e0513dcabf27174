// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-rollouts/sluice/pkg/apis/rollouts/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// isGivenBack waits until nothing of the Rollout is left on what is not ours.
func (s *shop) isGivenBack(before map[string]any) {
	s.t.Helper()
	eventually(s.t, func() error {
		for _, service := range []string{"stable", "canary"} {
			o, err := all.kube.CoreV1().Services(s.ns).Get(s.t.Context(), service, getOptions)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(map[string]string{"app": "web"}, o.Spec.Selector); diff != "" {
				return fmt.Errorf("selector of %s: -want +got\n%s", service, diff)
			}
			if by := o.Annotations[v1alpha1.ManagedByAnnotation]; by != "" {
				return fmt.Errorf("%s is still annotated as managed by %s", service, by)
			}
		}
		if diff := cmp.Diff(before, s.route()); diff != "" {
			return errors.New("the route is not as it was: -before +after\n" + diff)
		}
		return nil
	})
}

// TestDelete. Shows compatibility 27.
func TestDelete(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		s := newHealthyShop(t, order{router: router, steps: half, canary: soon})
		before := s.route()
		s.deploy("v2")
		s.shows(atHalf2)
		s.delete()
		s.isGivenBack(before)
	})
}

// Nobody sees the Rollout go: the next controller gives back what it left.
func TestDeleteWhileControllerIsDown(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		instance := "down-" + router
		c := ownController(t, instance, "--leader-elect=false")
		s := newHealthyShop(t, order{router: router, steps: half, canary: soon, instance: instance})
		before := s.route()
		s.deploy("v2")
		s.shows(atHalf2)
		c.kill()
		s.delete()
		ownController(t, instance, "--leader-elect=false")
		s.isGivenBack(before)
	})
}

// A controller that starts anew finds everything in the objects: nothing
// moves, and the update goes on.
func TestControllerRestart(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		instance := "restart-" + router
		c := ownController(t, instance, "--leader-elect=false")
		s := newHalfway(t, order{router: router, instance: instance})
		c.kill()
		c = ownController(t, instance, "--leader-elect=false")
		s.stays(atHalf2, 2*time.Second)
		c.kill()
		s.resume() // while nobody looks
		s.scale(6)
		ownController(t, instance, "--leader-elect=false")
		s.shows("Healthy 3/3; v2 6/6; stable v2, canary v2, 100/0")
	})
}

// Two controllers of different instances act on the same namespaces: each
// leaves alone what belongs to the other.
func TestInstancesLeaveEachOtherAlone(t *testing.T) {
	eachRouter(t, func(t *testing.T, router string) {
		instance := "blue-" + router
		c := ownController(t, instance, "--leader-elect=false")
		s := newHalfway(t, order{router: router, instance: instance})
		s.stays(atHalf2, time.Second)
		c.kill()
		ownController(t, "green-"+router, "--leader-elect=false")
		s.stays(atHalf2, 3*time.Second)
		ownController(t, instance, "--leader-elect=false")
		s.resume()
		s.shows(atRest2)
	})
}

// Rollouts go on while the lease changes hands: at once where it is given up.
func TestHandOver(t *testing.T) {
	t.Parallel()
	const instance = "handover"
	first := ownController(t, instance, "--leader-elect=true")
	s := newHalfway(t, order{router: gateway, instance: instance})
	leader, err := holder(t.Context(), instance)
	if err != nil {
		t.Fatal(err)
	}
	ownController(t, instance, "--leader-elect=true")
	first.stop()
	s.resume()
	s.shows(atRest2)
	now, err := holder(t.Context(), instance)
	if err != nil || now == leader || now == "" {
		t.Errorf("the lease is held by %q (%v), as before", now, err)
	}
	if first.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("the controller that was told to stop exited with %d", first.cmd.ProcessState.ExitCode())
	}
}

// Somebody else takes the lease: the process ends by itself before the other
// could act, and has written nothing since. Shows edge case
// 30, failure-modes 32.
func TestLostLease(t *testing.T) {
	t.Parallel()
	const instance = "lost"
	c := ownController(t, instance, "--leader-elect=true")
	s := newHalfway(t, order{router: gateway, instance: instance})
	leases := all.kube.CoordinationV1().Leases(systemNamespace)
	eventually(t, func() error {
		lease, err := leases.Get(t.Context(), leasePrefix+"-"+instance, getOptions)
		if err != nil {
			return err
		}
		other, now, long := "somebody-else", metav1.NowMicro(), int32(3600)
		lease.Spec.HolderIdentity, lease.Spec.RenewTime, lease.Spec.LeaseDurationSeconds = &other, &now, &long
		_, err = leases.Update(t.Context(), lease, metav1.UpdateOptions{FieldManager: "e2e"})
		return err
	})
	eventually(t, func() error {
		if c.running() {
			return errors.New("the controller still runs")
		}
		return nil
	})
	if code := c.cmd.ProcessState.ExitCode(); code == 0 {
		t.Error("the controller that lost its lease exited with 0")
	}
	ownController(t, instance, "--leader-elect=true") // waits
	s.resume()
	s.stays("Unpausing 2/3; v1 4/4, v2 2/2; stable v1, canary v2, 50/50, preview", 2*time.Second)
}
