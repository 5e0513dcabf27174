package node

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// probeAgent is how a kubelet's probe calls itself.
const probeAgent = "kube-probe/1.37"

// upPoll is how soon an app without a probe is seen to be up.
const upPoll = 20 * time.Millisecond

// verdict counts what a probe found, as a kubelet does: so many successes in a
// row make a container ready, so many failures unready.
type verdict struct {
	success, failure int32 // thresholds
	ready            bool
	inRow            int32 // results like the last one
	last             bool
}

func (v *verdict) add(ok bool) bool {
	if ok != v.last {
		v.inRow, v.last = 0, ok
	}
	v.inRow++
	if ok && v.inRow >= v.success {
		v.ready = true
	}
	if !ok && v.inRow >= v.failure {
		v.ready = false
	}
	return v.ready
}

// probe decides about the container's readiness for as long as it runs. Without
// a readiness probe, and with one that is not an HTTP request, the app's own
// word is taken.
func (c *container) probe(ctx context.Context) {
	period, check, v := upPoll, c.askApp, verdict{success: 1, failure: 1}
	if probe := c.spec.ReadinessProbe; probe != nil {
		if !sleep(ctx, seconds(probe.InitialDelaySeconds)) {
			return
		}
		if probe.HTTPGet != nil {
			period = seconds(cmp.Or(probe.PeriodSeconds, 10))
			v = verdict{success: cmp.Or(probe.SuccessThreshold, 1), failure: cmp.Or(probe.FailureThreshold, 3)}
			if c.pod.node.options.Listen {
				check = c.request(probe)
			}
		}
	}
	for {
		ready := v.add(check(ctx))
		if c.ready.Swap(ready) != ready {
			c.pod.poke()
		}
		if period == upPoll && ready {
			return // an app that is up stays up
		}
		if !sleep(ctx, period) {
			return
		}
	}
}

func (c *container) askApp(context.Context) bool { return c.app.healthy() }

// request returns a check by a real HTTP request.
func (c *container) request(probe *corev1.Probe) func(context.Context) bool {
	action := probe.HTTPGet
	client := &http.Client{Timeout: seconds(cmp.Or(probe.TimeoutSeconds, 1)), Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://" + net.JoinHostPort(c.pod.ip.String(), c.portOf(action)) + action.Path
	return func(ctx context.Context) bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		r.Header.Set("User-Agent", probeAgent)
		for _, h := range action.HTTPHeaders {
			r.Header.Add(h.Name, h.Value)
		}
		response, err := client.Do(r)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode >= 200 && response.StatusCode < 400
	}
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
