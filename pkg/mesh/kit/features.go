// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"fmt"
	"slices"

	"github.com/sluice-rollouts/sluice/pkg/mesh"
)

// undeclared is a Fault about the first thing that route asks for and that
// the Kind has not declared, nil if there is none.
func undeclared(r Renderer, route mesh.Route, o mesh.Object) error {
	for _, m := range route.Managed {
		problem := ""
		for _, h := range m.Headers {
			if kind := patternKind(h.Value); !slices.Contains(r.Features.HeaderMatch, kind) {
				problem = fmt.Sprintf("matches header %q by %s, which %s cannot", h.Header, kind, r.Kind)
			}
		}
		switch {
		case len(m.Mirror) > 0 && !r.Features.Mirror:
			problem = fmt.Sprintf("mirrors requests, which %s cannot", r.Kind)
		case len(m.Mirror) > 0 && m.Percent < 100 && !r.Features.MirrorPercent:
			problem = fmt.Sprintf("mirrors %d percent of the requests, but %s can mirror only all", m.Percent, r.Kind)
		}
		if problem != "" {
			return &mesh.Fault{Object: o.String(), Field: "managed route " + m.Name, Problem: problem + "; change the step"}
		}
	}
	return nil
}

func patternKind(p mesh.Pattern) string {
	switch {
	case p.Exact != "":
		return "exact"
	case p.Prefix != "":
		return "prefix"
	default:
		return "regex"
	}
}
