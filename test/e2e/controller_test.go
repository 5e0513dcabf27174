// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// settle times of all controllers here: nothing serves, so nothing is lost by
// being quick.
var quick = []string{"--settle-time=100ms", "--settle-time-unacknowledged=200ms", "--metrics-address=", "--health-address=", "-v=2"}

// controller is a running controller, a child of this process.
type controller struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// startController runs the built program. Controllers of one name share a log.
func (s *suite) startController(name, kubeconfig string, args ...string) (*controller, error) {
	log := filepath.Join(s.Dir, "logs", "controller-"+name+".log")
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c := &controller{log: log, done: make(chan struct{})}
	c.cmd = exec.Command(os.Getenv(controllerEnv), append(append([]string{"--kubeconfig=" + kubeconfig}, quick...), args...)...)
	c.cmd.Stdout, c.cmd.Stderr = out, out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the controller: %w", err)
	}
	go func() {
		_ = c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// kill ends the controller as a power cut would.
func (c *controller) kill() { c.end(syscall.SIGKILL) }

// stop ends it as a rolling update would.
func (c *controller) stop() { c.end(syscall.SIGTERM) }

func (c *controller) end(signal syscall.Signal) {
	_ = c.cmd.Process.Signal(signal)
	select {
	case <-c.done:
	case <-time.After(20 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

func (c *controller) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// ownController starts a controller that acts on nothing but the Rollouts of
// an instance, with the shipped rights for all namespaces.
func ownController(t *testing.T, instance string, args ...string) *controller {
	t.Helper()
	args = append([]string{"--instance-id=" + instance, "--lease-namespace=" + systemNamespace, "--qps=200", "--burst=400"}, args...)
	c, err := all.startController(instance, all.kubeconfig, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

// namespacedController starts a controller under an account of the namespace,
// with the rights that are shipped for that. The audit log can tell it from
// others by its user.
func namespacedController(t *testing.T, namespace string, args ...string) *controller {
	t.Helper()
	if err := all.installNamespaced(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := all.serviceAccount(t.Context(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--namespaces=" + namespace, "--instance-id=" + namespace, "--lease-namespace=" + namespace}, args...)
	c, err := all.startController(namespace, kubeconfig, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

const userPrefix = "system:serviceaccount:"

// userOf is what the API server knows the controller of a namespace by.
func userOf(namespace string) string { return userPrefix + namespace + ":" + account }

// holder is who holds the lease of an instance.
func holder(ctx context.Context, instance string) (string, error) {
	lease, err := all.kube.CoordinationV1().Leases(systemNamespace).Get(ctx, leasePrefix+"-"+instance, getOptions)
	if err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil {
		return "", nil
	}
	return *lease.Spec.HolderIdentity, nil
}
