// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

// editRoute adds a rule of the user's own to the routes, or takes it away where it is
// there: edit-route at=front; at=gone only takes it away. A TestRoute has no rules, and
// gets a note.
func (w *World) editRoute(args map[string]string, _ string) error {
	for _, o := range w.routes(args["of"]) {
		err := w.patchRoute(o, func(spec map[string]any) {
			switch o.resource.Resource {
			case "httproutes":
				spec["rules"] = withOwnRule(spec["rules"], args["at"], map[string]any{"backendRefs": []any{map[string]any{"name": ownRule, "port": int64(80)}}})
			case "virtualservices":
				spec["http"] = withOwnRule(spec["http"], args["at"], map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": ownRule}}}})
			default:
				spec["note"] = w.API.version
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ownRule is the name of a rule of the user's own, and of the Service that it
// leads to.
const ownRule = "help"

// withOwnRule adds the rule of the user's own to rules, or takes it away.
func withOwnRule(rules any, at string, rule map[string]any) []any {
	var others []any
	for _, r := range rules.([]any) {
		if r.(map[string]any)["name"] != ownRule {
			others = append(others, r)
		}
	}
	rule["name"] = ownRule
	switch {
	case at == "gone", len(others) < len(rules.([]any)):
		return others
	case at == "front":
		return append([]any{rule}, others...)
	default:
		return append(others, rule)
	}
}
