package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// container is an app, the ports it serves on, and the probe that watches it.
type container struct {
	pod     *pod
	spec    corev1.Container
	id      string
	app     *app
	ready   atomic.Bool // the probe's word, or the app's own where there is no probe
	servers []*http.Server

	mu    sync.Mutex
	state corev1.ContainerState
}

func newContainer(p *pod, spec corev1.Container) *container {
	return &container{
		pod:   p,
		spec:  spec,
		id:    fmt.Sprintf("playground://%s-%s", p.object().UID, spec.Name),
		state: waiting("ContainerCreating", ""),
	}
}

// start runs the app and its probe; what is wrong becomes the container's
// state, as on a real node.
func (c *container) start(ctx context.Context) {
	app, err := appOf(c.spec, c.pod.object().Name, c.pod.node.options.Drain)
	if err != nil {
		c.setState(waiting("CreateContainerConfigError", err.Error()))
		return
	}
	c.app = app
	c.setState(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}})
	c.pod.node.running.Go(func() {
		if !sleep(ctx, app.startDelay) {
			return
		}
		if err := c.serve(); err != nil {
			c.setState(waiting("RunContainerError", err.Error()))
			return
		}
		app.up.Store(true)
		c.pod.poke()
	})
	c.pod.node.running.Go(func() { c.probe(ctx) })
}

// serve listens on all ports of the container, on the pod's own address.
func (c *container) serve() error {
	if !c.pod.node.options.Listen {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, port := range c.spec.Ports {
		if port.Protocol != "" && port.Protocol != corev1.ProtocolTCP {
			continue
		}
		address := netip.AddrPortFrom(c.pod.ip, uint16(port.ContainerPort))
		l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(address))
		if err != nil {
			return fmt.Errorf("listen on %s: %w", address, err)
		}
		server := &http.Server{Handler: c.app, ReadHeaderTimeout: time.Minute}
		c.servers = append(c.servers, server)
		go func() { _ = server.Serve(l) }() // ends with drain or kill
	}
	return nil
}

// drain ends the app: it serves on for its drain time, then ends what is in
// flight.
func (c *container) drain(ctx context.Context) {
	if c.app == nil || !sleep(ctx, c.app.drain) {
		return
	}
	for _, s := range c.running() {
		if err := s.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			_ = s.Close()
		}
	}
}

func (c *container) kill() {
	for _, s := range c.running() {
		_ = s.Close()
	}
}

func (c *container) running() []*http.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers
}

func (c *container) setState(s corev1.ContainerState) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
	c.pod.poke()
}

func (c *container) status() corev1.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	running := c.state.Running != nil
	status := corev1.ContainerStatus{
		Name:    c.spec.Name,
		Image:   c.spec.Image,
		ImageID: "playground://" + c.spec.Image,
		State:   c.state,
		Started: &running,
		Ready:   running && c.ready.Load() && c.pod.object().Annotations[AnnotationReady] != "false",
	}
	if running {
		status.ContainerID = c.id
	}
	return status
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// portOf resolves the port of a probe, which may be a name.
func (c *container) portOf(action *corev1.HTTPGetAction) string {
	for _, port := range c.spec.Ports {
		if port.Name != "" && port.Name == action.Port.StrVal {
			return strconv.Itoa(int(port.ContainerPort))
		}
	}
	return action.Port.String()
}
