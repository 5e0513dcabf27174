package demo

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	playground "github.com/sluice-rollouts/sluice/hack/playground"
)

//go:embed manifests/*.yaml
var manifests embed.FS

const (
	namespace = "default"
	name      = "shop"
)

var rollouts = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}

// values of the manifests.
type values struct {
	Port     string
	Replicas int
	Version  string
	MaxRPS   int
	FailRate float64
}

// shop is the app that is released, as its owners see it.
type shop struct {
	p       *playground.Playground
	objects dynamic.Interface
	pods    kubernetes.Interface
}

func newShop(p *playground.Playground) (*shop, error) {
	objects, err := dynamic.NewForConfig(p.Config)
	if err != nil {
		return nil, fmt.Errorf("dynamic client: %w", err)
	}
	pods, err := kubernetes.NewForConfig(p.Config)
	if err != nil {
		return nil, fmt.Errorf("client of pods: %w", err)
	}
	return &shop{p: p, objects: objects, pods: pods}, nil
}

// apply applies a manifest, as kubectl apply --server-side does.
func (s *shop) apply(ctx context.Context, file string, v values) error {
	objects, err := rendered(file, v)
	if err != nil {
		return err
	}
	return s.p.Apply(ctx, objects...)
}

func rendered(file string, v values) ([]*unstructured.Unstructured, error) {
	t, err := template.New(file).Option("missingkey=error").ParseFS(manifests, "manifests/"+file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	var text bytes.Buffer
	if err := t.Execute(&text, v); err != nil {
		return nil, fmt.Errorf("fill in %s: %w", file, err)
	}
	return playground.Decode(text.Bytes())
}

// promote resumes a paused rollout as the CLI does.
func (s *shop) promote(ctx context.Context) error {
	return s.patch(ctx, "status", `{"status":{"pauseConditions":null}}`)
}

// abort takes a release back as the CLI does.
func (s *shop) abort(ctx context.Context) error {
	return s.patch(ctx, "status", `{"status":{"abort":true}}`)
}

func (s *shop) patch(ctx context.Context, subresource, body string) error {
	_, err := s.objects.Resource(rollouts).Namespace(namespace).
		Patch(ctx, name, types.MergePatchType, []byte(body), metav1.PatchOptions{}, subresource)
	if err != nil {
		return fmt.Errorf("patch the %s of rollout %s: %w", subresource, name, err)
	}
	return nil
}

// rollout is what the demo reads of a Rollout.
type rollout struct {
	Metadata struct {
		Generation int64 `json:"generation"`
	} `json:"metadata"`
	Status struct {
		ObservedGeneration string `json:"observedGeneration"`
		Phase              string `json:"phase"`
		Message            string `json:"message"`
		Abort              bool   `json:"abort"`
		ControllerPause    bool   `json:"controllerPause"`
		PauseConditions    []any  `json:"pauseConditions"`
		CurrentStepIndex   int    `json:"currentStepIndex"`
		BlockedOn          *struct {
			Gate, Object, Have, Want string
		} `json:"blockedOn"`
	} `json:"status"`
}

func (r rollout) observed() bool {
	return r.Status.ObservedGeneration == fmt.Sprint(r.Metadata.Generation)
}

func (r rollout) healthy() bool { return r.observed() && r.Status.Phase == "Healthy" }

func (r rollout) pausedAt(step int) bool {
	return r.observed() && r.Status.ControllerPause && len(r.Status.PauseConditions) > 0 && r.Status.CurrentStepIndex == step
}

// String tells where it stands.
func (r rollout) String() string {
	text := fmt.Sprintf("step %d, %s", r.Status.CurrentStepIndex, r.Status.Phase)
	if r.Status.Message != "" {
		text += " (" + r.Status.Message + ")"
	}
	if b := r.Status.BlockedOn; b != nil {
		text += fmt.Sprintf(", waits for %s of %s: has %s, wants %s", b.Gate, b.Object, b.Have, b.Want)
	}
	return text
}

func (s *shop) rollout(ctx context.Context) (rollout, error) {
	var r rollout
	object, err := s.objects.Resource(rollouts).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return r, fmt.Errorf("get rollout %s: %w", name, err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &r); err != nil {
		return r, fmt.Errorf("read rollout %s: %w", name, err)
	}
	return r, nil
}

// podCount of one version.
type podCount struct{ ready, all int }

// podsOf counts the pods of each version, but for those on their way out.
func (s *shop) podsOf(ctx context.Context) (map[string]podCount, error) {
	list, err := s.pods.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	by := map[string]podCount{}
	for i := range list.Items {
		pod := &list.Items[i]
		if pod.DeletionTimestamp != nil {
			continue
		}
		n := by[versionOf(pod)]
		n.all++
		if isReady(pod) {
			n.ready++
		}
		by[versionOf(pod)] = n
	}
	return by, nil
}

func versionOf(pod *corev1.Pod) string {
	image := pod.Spec.Containers[0].Image
	return image[strings.LastIndex(image, ":")+1:]
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
