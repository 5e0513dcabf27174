// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	clientset "github.com/sluice-rollouts/sluice/pkg/client/clientset/versioned"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

var (
	httpRoutes      = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
	virtualServices = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}

	getOptions    = metav1.GetOptions{}
	listOptions   = metav1.ListOptions{}
	deleteOptions = metav1.DeleteOptions{}
	createOptions = metav1.CreateOptions{FieldManager: "e2e"}
	patchOptions  = metav1.PatchOptions{FieldManager: "e2e"}
)

// clients are those of an administrator. What is written through them is noted
// on the tape as not the controller's.
type clients struct {
	kube     kubernetes.Interface
	rollouts clientset.Interface
	dynamic  dynamic.Interface
	raw      rest.Interface
}

func newClients(p *playground, t *tape) (*clients, error) {
	config := p.config()
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON // signer reads answers
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return signer{next, t} })
	config.WarningHandler = rest.NoWarnings{} // the policies of TestPolicies have much to say
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	rollouts, err := clientset.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	routes, err := dynamic.NewForConfig(config)
	return &clients{kube: kube, rollouts: rollouts, dynamic: routes, raw: kube.Discovery().RESTClient()}, err
}

// signer notes the revision of each write that goes through it. The answer to a
// deletion tells none: there the object is noted.
type signer struct {
	next http.RoundTripper
	tape *tape
}

func (s signer) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil || r.Method == http.MethodGet || answer.StatusCode >= http.StatusBadRequest {
		return answer, err
	}
	if r.Method == http.MethodDelete {
		s.tape.disownDeletion(r.URL.Path)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	var object metav1.PartialObjectMetadata
	if json.Unmarshal(body, &object) == nil {
		if revision, err := strconv.ParseInt(object.ResourceVersion, 10, 64); err == nil {
			s.tape.disown(revision)
		}
	}
	return answer, err
}
