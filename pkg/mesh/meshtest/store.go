// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package meshtest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
	"github.com/sluice-rollouts/sluice/pkg/mesh/kit"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Failure says how the next write goes.
type Failure int

const (
	// None: the write is stored and answered.
	None Failure = iota
	// BeforeCommit: an error, and nothing is stored.
	BeforeCommit
	// AfterCommit: an error, but the write is stored.
	AfterCommit
	// Rejected: the schema has something against the object.
	Rejected
	// Dropped: the write is stored as if nothing had been changed in spec.
	Dropped
)

// errLost stands for an answer that never came.
var errLost = errors.New("connection lost")

// Store is a mesh.Store in memory with the rules of the API server:
// resourceVersions, generations, field managers, JSON patches that come in
// whole or not at all, and no status through the object itself.
type Store struct {
	t testing.TB
	// defaults are what the schema of the objects adds to them, valid what it
	// has against one.
	defaults func(*unstructured.Unstructured)
	valid    func(*unstructured.Unstructured) error

	mu      sync.Mutex
	objects map[string]*unstructured.Unstructured
	// seen is what Get answers with in place of objects, while frozen.
	seen    map[string]*unstructured.Unstructured
	version int
	writes  int
	failure Failure
	getErr  error
}

var _ mesh.Store = &Store{}

// NewStore holds copies of objects, with the defaults of a Plane filled in.
func NewStore(t testing.TB, p Plane, objects ...*unstructured.Unstructured) *Store {
	s := &Store{t: t, defaults: p.Defaults, valid: p.Valid, objects: map[string]*unstructured.Unstructured{}, version: 100}
	for _, obj := range objects {
		obj = obj.DeepCopy()
		s.fill(obj)
		if err := s.check(obj); err != nil {
			t.Errorf("%s: %v", obj.GetName(), err)
		}
		obj.SetGeneration(1)
		s.put(obj, "user")
	}
	return s
}

func (s *Store) fill(obj *unstructured.Unstructured) {
	if s.defaults != nil {
		s.defaults(obj)
	}
}

func (s *Store) check(obj *unstructured.Unstructured) error {
	if s.valid == nil {
		return nil
	}
	return s.valid(obj)
}

func key(kind, namespace, name string) string { return kind + " " + namespace + "/" + name }

// put stores obj as a new version, written by manager.
func (s *Store) put(obj *unstructured.Unstructured, manager string) {
	s.version++
	obj.SetResourceVersion(strconv.Itoa(s.version))
	at := metav1.Unix(int64(s.version), 0)
	fields := obj.GetManagedFields()
	for i := range fields {
		if fields[i].Manager == manager {
			fields = append(fields[:i:i], fields[i+1:]...)
			break
		}
	}
	obj.SetManagedFields(append(fields, metav1.ManagedFieldsEntry{
		Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Time: &at,
	}))
	s.objects[key(obj.GetKind(), obj.GetNamespace(), obj.GetName())] = obj
}

// Get implements mesh.Store.
func (s *Store) Get(_ context.Context, o mesh.Object) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.getErr != nil {
		return nil, s.getErr
	}
	objects := s.objects
	if s.seen != nil {
		objects = s.seen
	}
	obj, ok := objects[o.String()]
	if !ok {
		return nil, apierrors.NewNotFound(o.Resource, o.Name)
	}
	before := obj.DeepCopy()
	s.t.Cleanup(func() {
		if !equality.Semantic.DeepEqual(before.Object, obj.Object) {
			s.t.Errorf("%s was edited in the cache", o)
		}
	})
	return obj, nil
}

// Patch implements mesh.Store.
func (s *Store) Patch(ctx context.Context, o mesh.Object, text []byte) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	failure := s.failure
	s.failure = None
	if failure == BeforeCommit {
		return nil, errLost
	}
	obj, ok := s.objects[o.String()]
	if !ok {
		return nil, apierrors.NewNotFound(o.Resource, o.Name)
	}
	if failure == Rejected {
		return nil, invalid(o, "is too long")
	}
	edited, err := s.patched(o, obj, text)
	if err != nil {
		return nil, err
	}
	if failure == Dropped {
		edited.Object["spec"] = obj.DeepCopy().Object["spec"]
	}
	if equality.Semantic.DeepEqual(obj.Object, edited.Object) {
		s.t.Errorf("a patch of %s that changes nothing: %s", o, text)
		return edited, nil
	}
	s.writes++
	if !equality.Semantic.DeepEqual(obj.Object["spec"], edited.Object["spec"]) {
		edited.SetGeneration(obj.GetGeneration() + 1)
	}
	s.put(edited, kit.FieldManager)
	if failure == AfterCommit {
		return nil, errLost
	}
	return edited, nil
}

// patched applies a JSON patch as the API server does: one that does not fit
// is answered as unprocessable, one of another version is a conflict.
func (s *Store) patched(o mesh.Object, obj *unstructured.Unstructured, text []byte) (*unstructured.Unstructured, error) {
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	before, err := obj.MarshalJSON()
	if err != nil {
		return nil, err
	}
	after, err := patch.Apply(before)
	if err != nil {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
	}
	edited := &unstructured.Unstructured{}
	if err := edited.UnmarshalJSON(after); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if !carriesVersion(patch) {
		s.t.Errorf("the patch of %s does not name the resourceVersion that was seen: %s", o, text)
	}
	if edited.GetResourceVersion() != obj.GetResourceVersion() {
		return nil, apierrors.NewConflict(o.Resource, o.Name, errors.New("the object has been modified"))
	}
	if status, ok := obj.Object["status"]; ok {
		edited.Object["status"] = status
	}
	s.fill(edited)
	if err := s.check(edited); err != nil {
		return nil, invalid(o, err.Error())
	}
	return edited, nil
}

// invalid is the answer to an object that its schema does not allow.
func invalid(o mesh.Object, problem string) error {
	return apierrors.NewInvalid(schema.GroupKind{Group: o.Resource.Group, Kind: o.Kind}, o.Name,
		field.ErrorList{field.Invalid(field.NewPath("spec"), "x", problem)})
}

func carriesVersion(patch jsonpatch.Patch) bool {
	for _, operation := range patch {
		if path, err := operation.Path(); err == nil && path == "/metadata/resourceVersion" {
			return true
		}
	}
	return false
}

// Object as it is stored, nil if it is not; a copy.
func (s *Store) Object(o mesh.Object) *unstructured.Unstructured {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[o.String()].DeepCopy()
}

// Objects are copies of all those named.
func (s *Store) Objects(named []mesh.Object) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, o := range named {
		if obj := s.Object(o); obj.Object != nil {
			all = append(all, obj)
		}
	}
	return all
}

// Edit changes an object as somebody else does.
func (s *Store) Edit(o mesh.Object, manager string, change func(*unstructured.Unstructured)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	obj := s.objects[o.String()].DeepCopy()
	before := obj.DeepCopy()
	change(obj)
	s.fill(obj)
	if !equality.Semantic.DeepEqual(before.Object["spec"], obj.Object["spec"]) {
		obj.SetGeneration(obj.GetGeneration() + 1)
	}
	s.put(obj, manager)
}

// Delete an object.
func (s *Store) Delete(o mesh.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, o.String())
}

// Freeze makes Get answer with what is stored now, whatever happens next.
func (s *Store) Freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = map[string]*unstructured.Unstructured{}
	for name, obj := range s.objects {
		s.seen[name] = obj
	}
}

// Thaw makes Get answer with what is stored.
func (s *Store) Thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

// FailNext says how the next write goes.
func (s *Store) FailNext(f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = f
}

// FailReads makes every Get fail; nil ends it.
func (s *Store) FailReads(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.getErr = err
}

// Writes counts the writes of ours that were stored.
func (s *Store) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// failed reports whether the failure that was asked for has come.
func (s *Store) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure == None
}
