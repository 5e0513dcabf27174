package demo

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The director waits at the pauses of the manifest by their index.
func TestStepsAreThoseOfTheManifest(t *testing.T) {
	objects, err := rendered("rollout.yaml", values{Version: "v2", Replicas: 4, MaxRPS: 78, Port: "80"})
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 1 {
		t.Fatalf("%d objects, want the Rollout alone", len(objects))
	}
	manifest, _, err := unstructured.NestedSlice(objects[0].Object, "spec", "strategy", "canary", "steps")
	if err != nil {
		t.Fatal(err)
	}
	weight, pauses := 0, []step{}
	for i, s := range manifest {
		s := s.(map[string]any)
		if w, ok := s["setWeight"]; ok {
			weight = int(w.(float64))
		}
		if _, ok := s["pause"]; ok {
			pauses = append(pauses, step{index: i, weight: weight})
		}
	}
	if len(pauses) != len(steps) {
		t.Fatalf("the manifest pauses %d times, the director waits %d times", len(pauses), len(steps))
	}
	for i, s := range steps {
		if s.index != pauses[i].index || s.weight != pauses[i].weight {
			t.Errorf("%s: step %d with weight %d, the manifest has step %d with %d", s.name, s.index, s.weight, pauses[i].index, pauses[i].weight)
		}
	}
}

func TestEveryManifestRenders(t *testing.T) {
	entries, err := manifests.ReadDir("manifests")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		objects, err := rendered(entry.Name(), values{Version: "v1", Port: "80"})
		if err != nil || len(objects) == 0 {
			t.Errorf("%s: %d objects, %v", entry.Name(), len(objects), err)
		}
	}
}

func TestPerPod(t *testing.T) {
	if got := perPod(240); got != 78 {
		t.Errorf("a pod can carry %d of 240 requests per second, want 1.3 times its share of 60", got)
	}
}
