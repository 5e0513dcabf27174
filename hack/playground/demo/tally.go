package demo

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// answer to one request.
type answer struct {
	sent    time.Time
	beta    bool   // the request had the header of the header route
	version string // that answered; "" if none did
	status  int    // 0 if there was no answer at all
	err     error  // then why
}

// failure says why the answer counts as a failure of the release, "" if it does
// not: an error that the bad version itself makes is what it was made for.
func (a answer) failure() string {
	switch {
	case a.err != nil:
		return a.err.Error()
	case a.status == http.StatusOK && a.version != "":
		return ""
	case a.ownError():
		return ""
	case a.version == "":
		return fmt.Sprintf("%d of the gateway", a.status)
	default:
		return fmt.Sprintf("%d of %s", a.status, a.version)
	}
}

func (a answer) ownError() bool {
	return a.status == http.StatusInternalServerError && a.version == bad
}

// counts of answers by version. Requests with the header are counted apart:
// weights are not what decides about them.
type counts struct {
	plain, beta map[string]int
}

func newCounts() counts { return counts{plain: map[string]int{}, beta: map[string]int{}} }

func (c counts) add(a answer) {
	if a.beta {
		c.beta[a.version]++
	} else {
		c.plain[a.version]++
	}
}

// share of a version in percent.
func share(by map[string]int, version string) float64 {
	return percent(by[version], total(by))
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

func total(by map[string]int) int {
	n := 0
	for _, c := range by {
		n += c
	}
	return n
}

// mostFailures that are kept one by one.
const mostFailures = 10

// failure is a request that failed.
type failure struct {
	sent   time.Time
	reason string
}

// totals of a whole run.
type totals struct {
	sent, failed, ownErrors int
	failures                []failure            // the first of them
	answers, errors         map[string]int       // by version
	last                    map[string]time.Time // by version: when its last request was sent
}

// tally counts all answers, and those of the present window.
type tally struct {
	mu     sync.Mutex
	totals totals
	start  time.Time
	window counts
}

func newTally() *tally {
	return &tally{
		totals: totals{answers: map[string]int{}, errors: map[string]int{}, last: map[string]time.Time{}},
		window: newCounts(),
	}
}

// open starts a window: only what is sent from now on counts in it.
func (t *tally) open(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start, t.window = now, newCounts()
}

func (t *tally) add(a answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals.add(a)
	if a.version != "" && !a.sent.Before(t.start) {
		t.window.add(a)
	}
}

func (t *totals) add(a answer) {
	t.sent++
	if reason := a.failure(); reason != "" {
		t.failed++
		if len(t.failures) < mostFailures {
			t.failures = append(t.failures, failure{a.sent, reason})
		}
	}
	if a.ownError() {
		t.ownErrors++
	}
	if a.version == "" {
		return
	}
	t.answers[a.version]++
	if a.status != http.StatusOK {
		t.errors[a.version]++
	}
	if a.sent.After(t.last[a.version]) {
		t.last[a.version] = a.sent
	}
}

// read returns copies.
func (t *tally) read() (counts, totals) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.totals
	all.failures, all.last = slices.Clone(all.failures), maps.Clone(all.last)
	all.answers, all.errors = maps.Clone(all.answers), maps.Clone(all.errors)
	return counts{plain: maps.Clone(t.window.plain), beta: maps.Clone(t.window.beta)}, all
}
