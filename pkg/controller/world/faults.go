// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// crashed is the end of a controller between two writes.
type crashed struct{}

// Ways in which our next write can fail.
var failures = map[string]func(Write) (before, after error){
	// refused: the API server has no time.
	"refused": func(Write) (error, error) { return apierrors.NewTooManyRequests("busy", 1), nil },
	// lost: the request never arrives, and nobody says so.
	"lost": func(Write) (error, error) { return errors.New("connection reset by peer"), nil },
	// unanswered: it is done, and the answer is lost.
	"unanswered": func(Write) (error, error) { return nil, errors.New("connection reset by peer") },
	// timeout: it is done, and the answer says that it took too long.
	"timeout": func(Write) (error, error) { return nil, apierrors.NewTimeoutError("timed out", 1) },
}

// failNext makes our next write fail in one of the ways of failures: fail
// how=lost, fail how=lost of=services.
func (w *World) failNext(args map[string]string, _ string) error {
	if failures[args["how"]] == nil {
		return fmt.Errorf("no way to fail %q", args["how"])
	}
	w.fail, w.failOf = args["how"], args["of"]
	return nil
}

// CrashAfter kills the controller after so many writes, and starts another.
func (w *World) CrashAfter(writes int) { w.crash = writes }

// object of the API server.
type object struct {
	resource schema.GroupVersionResource
	key      cache.ObjectName
}

func (w *World) failing(write Write) (before, after error) {
	how := w.fail
	if how == "" || w.failOf != "" && w.failOf != write.Resource.Resource {
		return nil, nil
	}
	w.fail = ""
	before, after = failures[how](write)
	if how != "refused" {
		w.doubt = &write
	}
	if before != nil {
		w.doubted()
	}
	return before, after
}

// doubted: from now on the controller does not know what became of its write.
func (w *World) doubted() {
	if w.doubt != nil {
		w.unsure[object{w.doubt.Resource, w.doubt.Key}] = *w.doubt
	}
	w.doubt = nil
}

// reading clears up what became of a write, unless the API server answers no
// reads of that resource.
func (w *World) reading(resource schema.GroupVersionResource, key cache.ObjectName) error {
	if w.blind[resource.Resource] {
		return apierrors.NewTooManyRequests("busy", 1)
	}
	o := object{resource, key}
	delete(w.unsure, o)
	w.read[o] = w.API.version
	return nil
}

// Version of the API server: every write raises it.
func (w *World) Version() int64 { return w.API.version }
