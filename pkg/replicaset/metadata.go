// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"encoding/json"
	"maps"
)

// Metadata is labels and annotations that a pod has for as long as its
// revision plays a part.
type Metadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Empty reports whether there is none.
func (m Metadata) Empty() bool { return len(m.Labels)+len(m.Annotations) == 0 }

// Equal reports whether both are the same.
func (m Metadata) Equal(other Metadata) bool {
	return maps.Equal(m.Labels, other.Labels) && maps.Equal(m.Annotations, other.Annotations)
}

// Injected is what the annotation of a ReplicaSet tells of the metadata that
// was put into its template.
type Injected struct {
	Metadata
	// Pods may carry other metadata than the template: what is listed here
	// was injected before, and every pod has yet to be looked at. Nil: all
	// pods are like the template.
	Pods *Metadata `json:"pods,omitempty"`
	// Covered is what the template itself has under the same keys; nil where
	// that is nothing, or was not noted.
	Covered *Metadata `json:"covered,omitempty"`
}

// Over says of what the template itself has that it is covered.
func (i Injected) Over(own Metadata) Injected {
	i.Covered = nil
	if c := (Metadata{Labels: under(i.Labels, own.Labels), Annotations: under(i.Annotations, own.Annotations)}); !c.Empty() {
		i.Covered = &c
	}
	return i
}

// under is what own has under the keys of injected.
func under(injected, own map[string]string) map[string]string {
	covered := maps.Clone(own)
	maps.DeleteFunc(covered, func(key, _ string) bool { _, ok := injected[key]; return !ok })
	return covered
}

// Own is what a template has itself: what is covered, where it has what covers it,
// and no key that covers nothing. A template that carries nothing may be asked too.
func (i Injected) Own(template Metadata) Metadata {
	var covered Metadata
	if i.Covered != nil {
		covered = *i.Covered
	}
	return Metadata{
		Labels:      uncovered(template.Labels, i.Labels, covered.Labels),
		Annotations: uncovered(template.Annotations, i.Annotations, covered.Annotations),
	}
}

func uncovered(template, injected, covered map[string]string) map[string]string {
	all := maps.Clone(template)
	for key, value := range injected {
		own, ok := covered[key]
		switch have, there := all[key]; {
		case !ok:
			delete(all, key)
		case there && have == value:
			all[key] = own
		}
	}
	return all
}

// ParseInjected reads the annotation. What cannot be read names nothing.
func ParseInjected(annotation string) Injected {
	var i Injected
	if annotation == "" || json.Unmarshal([]byte(annotation), &i) != nil {
		return Injected{}
	}
	return i
}

// Annotation that tells of it, "" where there is nothing to tell.
func (i Injected) Annotation() string {
	if i.Empty() && i.Pods == nil {
		return ""
	}
	return string(encode(i))
}

// Inject gives base with the keys of m over it.
func (m Metadata) Inject(base Metadata) Metadata {
	return Metadata{Labels: over(base.Labels, m.Labels), Annotations: over(base.Annotations, m.Annotations)}
}

func over(base, more map[string]string) map[string]string {
	if len(more) == 0 {
		return base
	}
	all := make(map[string]string, len(base)+len(more))
	maps.Copy(all, base)
	maps.Copy(all, more)
	return all
}

// Change is a merge patch of an object's metadata; nil takes a key away.
type Change struct {
	Labels      map[string]*string `json:"labels,omitempty"`
	Annotations map[string]*string `json:"annotations,omitempty"`
}

// Change makes old into m: the keys of m get their values, and those of old
// that are not in m the value in base, or none. Other keys stay as they are.
func (m Metadata) Change(old, base Metadata) Change {
	return Change{Labels: change(m.Labels, old.Labels, base.Labels), Annotations: change(m.Annotations, old.Annotations, base.Annotations)}
}

func change(wanted, old, base map[string]string) map[string]*string {
	c := map[string]*string{}
	for key := range old {
		c[key] = nil
		if value, ok := base[key]; ok {
			c[key] = &value
		}
	}
	for key, value := range wanted {
		c[key] = &value
	}
	return c
}

// Left is what of the change an object with these labels and annotations does
// not have yet.
func (c Change) Left(labels, annotations map[string]string) Change {
	return Change{Labels: left(c.Labels, labels), Annotations: left(c.Annotations, annotations)}
}

func left(change map[string]*string, have map[string]string) map[string]*string {
	l := map[string]*string{}
	for key, wanted := range change {
		if value, ok := have[key]; ok != (wanted != nil) || ok && value != *wanted {
			l[key] = wanted
		}
	}
	return l
}

// Empty reports whether it changes nothing.
func (c Change) Empty() bool { return len(c.Labels)+len(c.Annotations) == 0 }
