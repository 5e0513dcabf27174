// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-rollouts/sluice/test/e2e/replay"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// patience is T of the invariants: how old the state may be that a write rests
// on when it is sent. The rest is for the write itself and for this process,
// which dates a change when it hears of it.
const patience = 2*time.Second + time.Second

// tape has every change of the API server that a judge looks at, in its order.
type tape struct {
	mu      sync.Mutex
	writes  []replay.Write
	now     map[string]*contents // by namespace
	last    int64
	foreign map[int64]bool  // revisions that are not the controller's
	awaited int64           // the highest of them
	deleted map[string]bool // keys of objects that a test has deleted
	err     error
}

// contents of a namespace, by key; changed counts the changes.
type contents struct {
	objects map[string]replay.Write
	changed int
}

// record follows the file that the playground writes.
func record(ctx context.Context, file string) (*tape, error) {
	t := &tape{foreign: map[int64]bool{}, deleted: map[string]bool{}, now: map[string]*contents{}}
	return t, follow(ctx, file, func(line []byte) {
		w := replay.Write{At: time.Now()}
		err := json.Unmarshal(line, &w)
		t.mu.Lock()
		defer t.mu.Unlock()
		if err != nil {
			t.err = fmt.Errorf("read a change: %w", err)
			return
		}
		t.add(w)
	})
}

func (t *tape) add(w replay.Write) {
	t.last = w.Revision
	if !replay.Relevant(w.Key) {
		return
	}
	t.writes = append(t.writes, w)
	namespace := path.Base(path.Dir(w.Key))
	c := t.now[namespace]
	if c == nil {
		c = &contents{objects: map[string]replay.Write{}}
		t.now[namespace] = c
	}
	c.changed++
	if len(w.Object) == 0 {
		delete(c.objects, w.Key)
		return
	}
	c.objects[w.Key] = w
}

// objects of a namespace, by key, if they have changed since; ok is false while
// the tape does not have yet what the tests themselves have written.
func (t *tape) objects(namespace string, since int) (objects map[string]replay.Write, changed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.now[namespace]
	switch {
	case c == nil, t.last < t.awaited:
		return nil, since, false
	case c.changed == since:
		return nil, since, true
	default:
		return maps.Clone(c.objects), c.changed, true
	}
}

// of lists what was stored under a key from a time on.
func (t *tape) of(key string, since time.Time) []replay.Write {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []replay.Write
	for _, w := range t.writes {
		if w.Key == key && !w.At.Before(since) {
			found = append(found, w)
		}
	}
	return found
}

// disown notes that a change was made by a test.
func (t *tape) disown(revision int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.foreign[revision] = true
	t.awaited = max(t.awaited, revision)
}

// disownDeletion notes that a test has deleted the object of a path such as
// /apis/apps/v1/namespaces/shop/replicasets/web.
func (t *tape) disownDeletion(path string) {
	_, object, ok := strings.Cut(path, "/namespaces/")
	parts := strings.Split(object, "/")
	if !ok || len(parts) != 3 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deleted["/registry/"+parts[1]+"/"+parts[0]+"/"+parts[2]] = true
}

// judge replays what was written in some namespaces, all by default.
func (t *tape) judge(namespaces ...string) (*replay.Judge, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	judge := &replay.Judge{Patience: patience}
	for _, w := range t.writes {
		if len(namespaces) > 0 && !slices.ContainsFunc(namespaces, func(n string) bool { return strings.Contains(w.Key, "/"+n+"/") }) {
			continue
		}
		w.Foreign = t.foreign[w.Revision] || len(w.Object) == 0 && t.deleted[w.Key]
		if err := judge.Add(w); err != nil {
			return nil, err
		}
	}
	return judge, t.err
}

func (t *tape) length() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.writes)
}

// catchUp waits until the tape has all that was written so far.
func (s *suite) catchUp(ctx context.Context) error {
	mark := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "mark-"}}
	if _, err := s.kube.CoreV1().ConfigMaps(systemNamespace).Create(ctx, mark, createOptions); err != nil {
		return err
	}
	return poll(ctx, time.Minute, func() error {
		s.tape.mu.Lock()
		defer s.tape.mu.Unlock()
		if s.tape.last < s.tape.awaited {
			return fmt.Errorf("the record of changes is at revision %d, want %d", s.tape.last, s.tape.awaited)
		}
		return s.tape.err
	})
}

// verdict judges all writes of all tests.
func (s *suite) verdict() error {
	if err := s.catchUp(context.Background()); err != nil {
		return err
	}
	judge, err := s.tape.judge()
	if err != nil {
		return err
	}
	figure("changes replayed", s.tape.length())
	figure("writes of the controller judged", judge.Judged)
	figure("breaches of invariants 1 to 3", len(judge.Breaches))
	if len(judge.Breaches) > 0 {
		return fmt.Errorf("%d of %d writes broke an invariant:\n%s", len(judge.Breaches), judge.Judged, strings.Join(judge.Breaches, "\n"))
	}
	if some := flag.Lookup("test.run").Value.String(); judge.Judged == 0 && some == "" {
		return errors.New("no write was judged") // a few tests alone may cause none
	}
	return s.audit.verdict()
}
