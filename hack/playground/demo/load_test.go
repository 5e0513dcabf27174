package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-rollouts/sluice/hack/playground/node"
)

// A server that is slower than the rate shows that requests do not wait for
// each other, and that those in flight at the end are counted.
func TestLoad(t *testing.T) {
	const answerTakes, enough = 100 * time.Millisecond, 3 * betaEvery
	ctx, cancel := context.WithCancel(t.Context())
	var seen atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen.Add(1) == enough {
			cancel()
		}
		time.Sleep(answerTakes)
		version := "v1"
		if r.Header.Get(headerBeta) == "true" {
			version = "v2"
		}
		w.Header().Set(node.HeaderVersion, version)
	}))
	t.Cleanup(server.Close)
	tally := newTally()
	start := time.Now()
	newLoad(server.URL, 200, tally).run(ctx)
	took := time.Since(start)

	window, all := tally.read()
	if all.failed > 0 {
		t.Errorf("%d failed: %v", all.failed, all.failures)
	}
	if all.sent < enough || all.sent != int(seen.Load()) {
		t.Errorf("%d are counted, %d were seen, want %d or more", all.sent, seen.Load(), enough)
	}
	if beta := all.sent / betaEvery; window.beta["v2"] != beta || window.plain["v1"] != all.sent-beta {
		t.Errorf("of %d, %v were without the header and %v with it; want %d with it", all.sent, window.plain, window.beta, beta)
	}
	if inTurn := answerTakes * enough; took >= inTurn/2 {
		t.Errorf("it took %s; one after the other would take %s", took, inTurn)
	}
}
