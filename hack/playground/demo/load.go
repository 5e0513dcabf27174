package demo

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/sluice-rollouts/sluice/hack/playground/node"
)

const (
	headerBeta = "X-Beta"
	betaEvery  = 20 // one request in so many has the header
	// patience of a user. What takes longer has failed.
	patience = 10 * time.Second
	// What a stalled machine has not sent is not sent all at once later: no
	// user would.
	mostLate = 20 * time.Millisecond
)

// load sends requests at a steady rate, whatever becomes of the earlier ones.
type load struct {
	url    string
	rate   int // requests per second
	tally  *tally
	client *http.Client
}

func newLoad(url string, rate int, t *tally) *load {
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	return &load{url: url, rate: rate, tally: t, client: &http.Client{Transport: transport, Timeout: patience}}
}

// run sends until ctx ends, and returns when all answers are in.
func (l *load) run(ctx context.Context) {
	var flying sync.WaitGroup
	defer flying.Wait()
	interval := time.Second / time.Duration(l.rate)
	next := time.Now()
	for n := 1; ; n++ {
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return
		}
		flying.Go(func() { l.tally.add(l.send(context.WithoutCancel(ctx), n%betaEvery == 0)) })
		next = next.Add(interval)
		if now := time.Now(); now.Sub(next) > mostLate {
			next = now
		}
	}
}

func (l *load) send(ctx context.Context, beta bool) answer {
	a := answer{sent: time.Now(), beta: beta}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		a.err = err
		return a
	}
	if beta {
		request.Header.Set(headerBeta, "true")
	}
	response, err := l.client.Do(request)
	if err != nil {
		a.err = err
		return a
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		a.err = err
	}
	a.status, a.version = response.StatusCode, response.Header.Get(node.HeaderVersion)
	return a
}
