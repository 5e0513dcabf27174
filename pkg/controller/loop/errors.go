// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"errors"
	"net/http"
	"time"

	"github.com/sluice-rollouts/sluice/pkg/mesh"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// WriteTimeout bounds each write: shorter than what is left of a lease when
// it has to be renewed.
const WriteTimeout = 4 * time.Second

// ErrStale asks for another try on newer data, quietly.
var ErrStale = mesh.ErrStale

// outcome is what a loop does about an error.
type outcome int

const (
	done  outcome = iota
	stale         // try again soon, and say nothing
	fault         // the user's: no retry until something changes
	retry         // log, and try again with backoff
)

// Classify is the one place that tells errors apart.
func classify(err error) outcome {
	var userFault *mesh.Fault
	switch {
	case err == nil:
		return done
	case errors.Is(err, ErrStale), apierrors.IsConflict(err):
		return stale
	case errors.As(err, &userFault):
		return fault
	default:
		return retry
	}
}

// Failed reports whether err is a failure: neither the user's to mend, nor
// staleness, which mends itself.
func Failed(err error) bool { return classify(err) == retry }

// Undecided reports whether a write that failed with err may have happened
// all the same: the answer was lost, or is not an answer.
func Undecided(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return err != nil
	}
	code := status.Status().Code
	return code == 0 || code >= http.StatusInternalServerError
}

// UserFault returns the fault within err that only the user can mend, nil if
// there is none.
func UserFault(err error) *mesh.Fault {
	var f *mesh.Fault
	errors.As(err, &f)
	return f
}
