package demo

import (
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"
)

func TestFailure(t *testing.T) {
	for _, c := range []struct {
		name string
		a    answer
		want string
	}{
		{"an answer", answer{version: "v1", status: http.StatusOK}, ""},
		{"the bad version's own error", answer{version: bad, status: http.StatusInternalServerError}, ""},
		{"the same of a good version", answer{version: "v2", status: http.StatusInternalServerError}, "500 of v2"},
		{"a bad version that gets more than it can carry", answer{version: bad, status: http.StatusServiceUnavailable}, "503 of v3"},
		{"a gateway without a pod to send to", answer{status: http.StatusBadGateway}, "502 of the gateway"},
		{"a success that no pod has signed", answer{status: http.StatusOK}, "200 of the gateway"},
		{"no answer", answer{err: errors.New("timeout")}, "timeout"},
		{"an answer that broke off", answer{version: "v1", status: http.StatusOK, err: errors.New("unexpected EOF")}, "unexpected EOF"},
	} {
		if got := c.a.failure(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTally(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tally := newTally()
	add := func(sent int, version string, status int, beta bool) {
		tally.add(answer{sent: at(sent), version: version, status: status, beta: beta})
	}
	add(1, "v1", http.StatusOK, false)
	tally.open(at(3))
	add(4, bad, http.StatusOK, false)
	add(2, "v1", http.StatusOK, false) // sent before the window was opened
	add(5, bad, http.StatusInternalServerError, false)
	add(5, bad, http.StatusOK, true)
	add(6, "v1", http.StatusServiceUnavailable, false)
	add(7, "", http.StatusBadGateway, false) // of nobody's share

	window, all := tally.read()
	if want := map[string]int{"v1": 1, bad: 2}; !maps.Equal(window.plain, want) {
		t.Errorf("window: %v, want %v", window.plain, want)
	}
	if want := map[string]int{bad: 1}; !maps.Equal(window.beta, want) {
		t.Errorf("window, with the header: %v, want %v", window.beta, want)
	}
	if all.sent != 7 || all.failed != 2 || all.ownErrors != 1 {
		t.Errorf("sent %d, failed %d, own errors %d; want 7, 2, 1", all.sent, all.failed, all.ownErrors)
	}
	if want := map[string]int{"v1": 3, bad: 3}; !maps.Equal(all.answers, want) {
		t.Errorf("answers: %v, want %v", all.answers, want)
	}
	if want := map[string]int{"v1": 1, bad: 1}; !maps.Equal(all.errors, want) {
		t.Errorf("errors: %v, want %v", all.errors, want)
	}
	if want := map[string]time.Time{"v1": at(6), bad: at(5)}; !maps.Equal(all.last, want) {
		t.Errorf("last: %v, want %v", all.last, want)
	}
	if len(all.failures) != 2 || all.failures[0] != (failure{at(6), "503 of v1"}) {
		t.Errorf("failures: %v", all.failures)
	}
}

func TestTallyKeepsTheFirstFailures(t *testing.T) {
	tally := newTally()
	for range 3 * mostFailures {
		tally.add(answer{status: http.StatusBadGateway})
	}
	if _, all := tally.read(); all.failed != 3*mostFailures || len(all.failures) != mostFailures {
		t.Errorf("%d failed, of which %d are kept", all.failed, len(all.failures))
	}
}
