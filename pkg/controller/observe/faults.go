// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"slices"
	"sync"

	"github.com/sluice-rollouts/sluice/pkg/controller/plan"

	"k8s.io/client-go/tools/cache"
)

// Faults remembers the last error of each hand and object. It is the only
// memory that a plan may read, and only to explain.
type Faults struct {
	mu  sync.Mutex
	all map[cache.ObjectName]map[string]plan.Fault
}

// NewFaults makes an empty memory.
func NewFaults() *Faults { return &Faults{all: map[cache.ObjectName]map[string]plan.Fault{}} }

// Set remembers f, and reports whether that is news. That something fails in other
// words than before is none, and the first ones stay: a port or a count in them would
// be told again and again.
func (f *Faults) Set(key cache.ObjectName, fault plan.Fault) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[key] == nil {
		f.all[key] = map[string]plan.Fault{}
	}
	id := fault.Hand + "/" + fault.Object
	old, known := f.all[key][id]
	same := known && old.Reason == fault.Reason && old.Contended == fault.Contended
	if same {
		fault.Since = old.Since
	}
	if same && fault.Reason != "" {
		fault.Message = old.Message
	}
	f.all[key][id] = fault
	return !same || fault.Reason == "" && old.Message != fault.Message
}

// Clear forgets what a hand met, and reports whether there was anything.
func (f *Faults) Clear(key cache.ObjectName, hand string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	cleared := false
	for id, fault := range f.all[key] {
		if fault.Hand == hand {
			delete(f.all[key], id)
			cleared = true
		}
	}
	return cleared
}

// Forget drops all of a rollout that is gone.
func (f *Faults) Forget(key cache.ObjectName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, key)
}

// Of a rollout, in a fixed order.
func (f *Faults) Of(key cache.ObjectName) []plan.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []plan.Fault
	for _, fault := range f.all[key] {
		list = append(list, fault)
	}
	slices.SortFunc(list, func(a, b plan.Fault) int { return cmp.Or(cmp.Compare(a.Hand, b.Hand), cmp.Compare(a.Object, b.Object)) })
	return list
}
