// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// request is what the audit log has of one.
type request struct {
	Stage string
	Verb  string
	User  struct{ Username string }
	// ObjectRef is absent for what is no object.
	ObjectRef struct{ Resource, Namespace, Name, Subresource string }
	// ResponseStatus is absent while a watch runs.
	ResponseStatus           struct{ Code int }
	RequestReceivedTimestamp time.Time
	StageTimestamp           time.Time
	UserAgent                string
}

// String is such as "patch rollouts/status".
func (r request) String() string {
	what := r.ObjectRef.Resource
	if r.ObjectRef.Subresource != "" {
		what += "/" + r.ObjectRef.Subresource
	}
	return r.Verb + " " + what
}

// auditor has the requests of all service accounts, by user.
type auditor struct {
	mu       sync.Mutex
	requests map[string][]request
}

// audit follows the log of the API server. Events are left out: they are told,
// not decided by.
func audit(ctx context.Context, file string) (*auditor, error) {
	a := &auditor{requests: map[string][]request{}}
	return a, follow(ctx, file, func(line []byte) {
		var r request
		if !bytes.Contains(line, []byte(userPrefix)) || json.Unmarshal(line, &r) != nil || r.ObjectRef.Resource == "events" {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.requests[r.User.Username] = append(a.requests[r.User.Username], r)
	})
}

// requestsOf lists what a user has asked the API server for, from a time on.
func requestsOf(user string, since time.Time) []request {
	all.audit.mu.Lock()
	defer all.audit.mu.Unlock()
	requests := slices.Clone(all.audit.requests[user])
	return slices.DeleteFunc(requests, func(r request) bool { return r.RequestReceivedTimestamp.Before(since) })
}

// verdict fails if a controller was ever refused something: it has all rights
// that it needs, and asks for nothing else.
func (a *auditor) verdict() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	total, conflicts := 0, 0
	forbidden := map[string]bool{}
	for _, requests := range a.requests {
		total += len(requests)
		for _, r := range requests {
			switch r.ResponseStatus.Code {
			case http.StatusForbidden:
				forbidden[r.String()] = true
			case http.StatusConflict, http.StatusUnprocessableEntity:
				conflicts++
			}
		}
	}
	figure("requests of all controllers, but for events", total)
	figure("requests that were forbidden", len(forbidden))
	figure("writes that lost a race", conflicts)
	if len(forbidden) > 0 {
		return fmt.Errorf("the shipped roles forbid what the controller asks for: %v", slices.Sorted(maps.Keys(forbidden)))
	}
	return nil
}

// count counts the requests that pass, by what they are.
func count(requests []request, passes func(request) bool) map[string]int {
	counted := map[string]int{}
	for _, r := range requests {
		if passes(r) {
			counted[r.String()]++
		}
	}
	return counted
}

// is tells of kinds of requests.
func isWrite(r request) bool {
	return slices.Contains([]string{"create", "update", "patch", "delete"}, r.Verb) && !isLease(r)
}

func isRead(r request) bool { return (r.Verb == "get" || r.Verb == "list") && !isLease(r) }

// isRenewed is what goes on for ever: a watch ends after some minutes, and is
// then taken up again.
func isRenewed(r request) bool { return isLease(r) || r.Verb == "watch" }

func isLease(r request) bool { return r.ObjectRef.Resource == "leases" }

// sum of all counts whose key contains a text.
func sum(counted map[string]int, text string) int {
	n := 0
	for what, times := range counted {
		if strings.Contains(what, text) {
			n += times
		}
	}
	return n
}

func list(requests []request) string {
	var b strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&b, "%s %s %s/%s %d\n", r.StageTimestamp.Format("15:04:05.000000"), r, r.ObjectRef.Namespace, r.ObjectRef.Name, r.ResponseStatus.Code)
	}
	return b.String()
}
