// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/dump"
)

// HashLabel marks a ReplicaSet, its selector and its pods with the revision
// that they belong to, and a role Service with the one that it selects.
const HashLabel = "rollouts-pod-template-hash"

// alphabet has 27 letters from which no bad word can be made.
const alphabet = "bcdfghjklmnpqrstvwxz2456789"

// TemplateHash is the hash of a pod template. collisions is fed in where it is
// not nil, so that a template whose hash is taken gets another one.
//
// The same template can hash differently in another build, so a ReplicaSet
// that exists is known by its label, never by a hash computed anew.
//
// Source: wire contract 2.3.
func TemplateHash(template *corev1.PodTemplateSpec, collisions *int32) string {
	return hash(encode(template), collisions)
}

// LegacyTemplateHash is the hash that Kubernetes' own Deployments use, and
// that ReplicaSets of long ago are still labelled with.
//
// Source: k8s.io/kubernetes/pkg/controller, ComputeHash.
func LegacyTemplateHash(template *corev1.PodTemplateSpec, collisions *int32) string {
	return hash([]byte(dump.ForHash(*template)), collisions)
}

// Meaning is what a pod template says, apart from what a controller adds to
// it: the hash label, and the term that keeps revisions apart.
type Meaning struct {
	metadata Metadata
	// rest is a digest of all else.
	rest string
}

// MeaningOf a template.
func MeaningOf(template *corev1.PodTemplateSpec) Meaning {
	t := template.DeepCopy()
	if t.Spec.DeprecatedServiceAccount == t.Spec.ServiceAccountName {
		t.Spec.DeprecatedServiceAccount = "" // an old name of the other field
	}
	together(t)
	m := Meaning{metadata: Metadata{Labels: t.Labels, Annotations: t.Annotations}}
	delete(m.metadata.Labels, HashLabel)
	t.Labels, t.Annotations = nil, nil
	m.rest = digest(t)
	return m
}

// Without identifies the meaning without what was injected, which undo copies
// into the template of a rollout: two templates with the same defaults applied
// mean the same if and only if it is the same. Unlike a hash of a few bits it
// is never the same by chance. Where it was not noted what a key covers, its
// value does not count.
func (m Meaning) Without(injected Injected) string {
	return digest([]any{m.rest, injected.Own(m.metadata)})
}

func digest(v any) string {
	sum := sha256.Sum256(encode(v))
	return hex.EncodeToString(sum[:])
}

// StepsHash is the hash of anything that encodes to JSON as the list of steps
// does; a nil list is JSON null.
func StepsHash(steps any) string { return hash(encode(steps), nil) }

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("API types always encode: %v", err))
	}
	return data
}

func hash(data []byte, collisions *int32) string {
	sum := fnv.New32a()
	sum.Write(data)
	if collisions != nil {
		var extra [8]byte
		binary.LittleEndian.PutUint32(extra[:], uint32(*collisions))
		sum.Write(extra[:])
	}
	var b strings.Builder
	for _, c := range strconv.FormatUint(uint64(sum.Sum32()), 10) {
		b.WriteByte(alphabet[int(c)%len(alphabet)])
	}
	return b.String()
}

// Name of the ReplicaSet of a rollout's revision.
func Name(rollout, hash string) string { return rollout + "-" + hash }

// OwnsPod reports whether a pod of that name was made by the ReplicaSet: its
// name, a dash, and a suffix without one.
func OwnsPod(replicaSet, pod string) bool {
	suffix, ok := strings.CutPrefix(pod, replicaSet+"-")
	return ok && suffix != "" && !strings.Contains(suffix, "-")
}

// Labelled is the template with the hash label added, as it stands in the
// ReplicaSet.
func Labelled(template *corev1.PodTemplateSpec, hash string) corev1.PodTemplateSpec {
	t := *template.DeepCopy()
	together(&t) // what undo has copied is of another release
	t.Labels = withHash(t.Labels, hash)
	return t
}

// Selector is the selector with the hash label added.
func Selector(selector *metav1.LabelSelector, hash string) *metav1.LabelSelector {
	s := selector.DeepCopy()
	s.MatchLabels = withHash(s.MatchLabels, hash)
	return s
}

func withHash(labels map[string]string, hash string) map[string]string {
	with := make(map[string]string, len(labels)+1)
	maps.Copy(with, labels)
	with[HashLabel] = hash
	return with
}
