package node

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func containerOf(env ...string) corev1.Container {
	c := corev1.Container{Name: "shop", Image: "registry:5000/shop:v2"}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	}
	return c
}

func newApp(t *testing.T, env ...string) *app {
	t.Helper()
	a, err := appOf(containerOf(env...), "shop-1", 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	a.up.Store(true)
	return a
}

// ask returns what a user, or a probe, gets.
func ask(a *app, agent string) (status int, version string) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("User-Agent", agent)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Code, w.Header().Get(HeaderVersion)
}

func TestAppReadsItsEnvironment(t *testing.T) {
	a := newApp(t, "START_DELAY=3s", "LATENCY=20ms", "FAIL_RATE=0.25", "MAX_RPS=78")
	if a.version != "v2" || a.startDelay != 3*time.Second || a.latency != 20*time.Millisecond || a.failRate != 0.25 || a.limit.Limit() != 78 {
		t.Errorf("%+v", a)
	}
	if a.drain != 2*time.Second {
		t.Errorf("it drains for %s, want what the node says", a.drain)
	}
	if a := newApp(t, "VERSION=blue", "DRAIN=5s", "MAX_RPS="); a.version != "blue" || a.drain != 5*time.Second || a.limit != nil {
		t.Errorf("%+v", a)
	}
	for _, wrong := range []string{"FAIL_RATE=much", "LATENCY=20", "NEVER_READY=perhaps"} {
		name, _, _ := strings.Cut(wrong, "=")
		if _, err := appOf(containerOf(wrong), "shop-1", 0); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v, want one that names it", wrong, err)
		}
	}
}

func TestTag(t *testing.T) {
	for image, want := range map[string]string{
		"shop:v2":               "v2",
		"registry:5000/shop:v2": "v2",
		"registry:5000/shop":    "latest",
		"shop":                  "latest",
	} {
		if got := tag(image); got != want {
			t.Errorf("tag of %s: %s, want %s", image, got, want)
		}
	}
}

func TestAppAnswers(t *testing.T) {
	const user = "browser"
	for _, c := range []struct {
		name string
		app  *app
		want int
	}{
		{"with its version", newApp(t), http.StatusOK},
		{"with errors of its own", newApp(t, "FAIL_RATE=1"), http.StatusInternalServerError},
		{"users even if it says to probes that it is not ready", newApp(t, "NEVER_READY=true"), http.StatusOK},
	} {
		if status, version := ask(c.app, user); status != c.want || version != "v2" {
			t.Errorf("it answers %s: %d of %q, want %d of v2", c.name, status, version, c.want)
		}
	}
}

func TestAppCarriesSoMuch(t *testing.T) {
	a := newApp(t, "MAX_RPS=0.001") // one request, and the next in a quarter of an hour
	if status, _ := ask(a, probeAgent); status != http.StatusOK {
		t.Errorf("a probe gets %d", status)
	}
	if status, _ := ask(a, "browser"); status != http.StatusOK {
		t.Errorf("the first request gets %d: the probe must not count", status)
	}
	if status, version := ask(a, "browser"); status != http.StatusServiceUnavailable || version != "v2" {
		t.Errorf("the second request gets %d of %q, want 503 of v2", status, version)
	}
	if status, _ := ask(a, probeAgent); status != http.StatusOK {
		t.Errorf("a probe of a busy app gets %d", status)
	}
}

func TestAppTellsProbes(t *testing.T) {
	if status, _ := ask(newApp(t, "FAIL_RATE=1"), probeAgent); status != http.StatusOK {
		t.Errorf("a bad version gets ready as any other, but the probe gets %d", status)
	}
	if status, _ := ask(newApp(t, "NEVER_READY=true"), probeAgent); status != http.StatusServiceUnavailable {
		t.Errorf("a version that never becomes ready answers %d", status)
	}
}
