package node

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
)

// HeaderVersion is the response header that names the version that answered.
const HeaderVersion = "X-Version"

// app answers every request with its version.
type app struct {
	version, pod string
	failRate     float64       // share of requests answered with 500
	latency      time.Duration // of each answer
	startDelay   time.Duration // before it listens
	drain        time.Duration // after it was told to stop
	neverReady   bool
	limit        *rate.Limiter // what is more is answered with 503
	up           atomic.Bool   // listens
}

// appOf reads the app's environment:
//
//	VERSION      what it answers; default: the image's tag
//	FAIL_RATE    0..1, share of requests answered with 500
//	LATENCY      of each answer, e.g. 20ms
//	START_DELAY  before it listens and is ready, e.g. 3s
//	DRAIN        how long it goes on serving after it was told to stop
//	NEVER_READY  true: it never becomes ready
//	MAX_RPS      requests per second that it can carry; more are answered with
//	             503, one second's worth of them may come at once
func appOf(spec corev1.Container, pod string, drain time.Duration) (*app, error) {
	env := environment{}
	for _, e := range spec.Env {
		env[e.Name] = e.Value
	}
	a := &app{version: env["VERSION"], pod: pod, drain: drain}
	if a.version == "" {
		a.version = tag(spec.Image)
	}
	maxRPS := 0.0
	for _, err := range []error{
		parse(env, "FAIL_RATE", &a.failRate, number),
		parse(env, "LATENCY", &a.latency, time.ParseDuration),
		parse(env, "START_DELAY", &a.startDelay, time.ParseDuration),
		parse(env, "DRAIN", &a.drain, time.ParseDuration),
		parse(env, "NEVER_READY", &a.neverReady, strconv.ParseBool),
		parse(env, "MAX_RPS", &maxRPS, number),
	} {
		if err != nil {
			return nil, err
		}
	}
	if maxRPS > 0 {
		a.limit = rate.NewLimiter(rate.Limit(maxRPS), max(1, int(maxRPS)))
	}
	return a, nil
}

type environment map[string]string

func parse[T any](env environment, name string, into *T, how func(string) (T, error)) error {
	text := env[name]
	if text == "" {
		return nil
	}
	value, err := how(text)
	if err != nil {
		return fmt.Errorf("env %s=%q: %w", name, text, err)
	}
	*into = value
	return nil
}

func number(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

// tag of an image: "v2" of "registry:5000/shop:v2".
func tag(image string) string {
	name := image[strings.LastIndex(image, "/")+1:]
	if _, tag, found := strings.Cut(name, ":"); found {
		return tag
	}
	return "latest"
}

func (a *app) healthy() bool { return a.up.Load() && !a.neverReady }

// ServeHTTP answers. Probes are told of its health and count for nothing else.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(HeaderVersion, a.version)
	if strings.HasPrefix(r.UserAgent(), "kube-probe/") {
		if !a.healthy() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	if a.limit != nil && !a.limit.Allow() {
		http.Error(w, "more requests than "+a.pod+" can carry", http.StatusServiceUnavailable)
		return
	}
	if !sleep(r.Context(), a.latency) {
		return
	}
	if rand.Float64() < a.failRate {
		http.Error(w, "this is a bad version", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"version": a.version, "pod": a.pod})
}
