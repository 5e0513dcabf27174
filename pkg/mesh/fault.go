// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"errors"
	"fmt"
)

// ErrStale says that what was seen of an object may be older than our own
// last write to it.
var ErrStale = errors.New("the cache has not caught up with the last write")

// Fault is a mistake that only the user can mend: an object that is missing
// or cannot carry the route.
type Fault struct {
	// Object, such as "HTTPRoute shop/main".
	Object string
	// Field within it, may be empty.
	Field string
	// Problem, and what to do about it.
	Problem string
}

func (f *Fault) Error() string {
	if f.Field == "" {
		return fmt.Sprintf("%s: %s", f.Object, f.Problem)
	}
	return fmt.Sprintf("%s: %s: %s", f.Object, f.Field, f.Problem)
}

// String names the object as messages do: "HTTPRoute shop/main".
func (o Object) String() string { return o.Kind + " " + o.Namespace + "/" + o.Name }
