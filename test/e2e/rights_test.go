// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	sigsyaml "sigs.k8s.io/yaml"
)

const (
	systemNamespace = "sluice-system"
	account         = "sluice-controller"
	leasePrefix     = "argo-rollouts-controller-lock"
	manifests       = "../../manifests"
)

// shippedManifests writes what manifests/install.yaml has but for the
// Deployment: the controller runs as our child in its place.
func shippedManifests(dir string) (string, error) {
	objects, err := decode(filepath.Join(manifests, "install.yaml"))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	for _, o := range objects {
		if o.GetKind() == "Deployment" {
			continue
		}
		text, err := sigsyaml.Marshal(o.Object)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "---\n%s", text)
	}
	file := filepath.Join(dir, "install.yaml")
	return file, os.WriteFile(file, out.Bytes(), 0o600)
}

// installNamespaced applies what manifests/namespace-install.yaml has for a
// namespace, as an overlay with a name suffix would.
func (s *suite) installNamespaced(ctx context.Context, namespace string) error {
	objects, err := decode(filepath.Join(manifests, "namespace-install.yaml"))
	if err != nil {
		return err
	}
	resources := map[string]schema.GroupVersionResource{
		"ServiceAccount":     {Version: "v1", Resource: "serviceaccounts"},
		"Role":               rbac("roles"),
		"RoleBinding":        rbac("rolebindings"),
		"ClusterRole":        rbac("clusterroles"),
		"ClusterRoleBinding": rbac("clusterrolebindings"),
	}
	for _, o := range objects {
		if o.GetKind() == "Deployment" {
			continue
		}
		resource, ok := resources[o.GetKind()]
		if !ok {
			return fmt.Errorf("namespace-install.yaml has a %s, which this test does not know", o.GetKind())
		}
		if err := s.apply(ctx, resource, moved(o, namespace)); err != nil {
			return err
		}
	}
	return nil
}

// admit gives the account of one namespace the shipped role of another.
func (s *suite) admit(ctx context.Context, namespace, from string) error {
	binding := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
		"metadata": map[string]any{"name": account + "-of-" + from, "namespace": namespace},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": account, "namespace": from}},
	}}
	return s.apply(ctx, rbac("rolebindings"), binding)
}

func rbac(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}
}

// moved puts an object into another namespace; what has none gets a name of
// its own.
func moved(o *unstructured.Unstructured, namespace string) *unstructured.Unstructured {
	o = o.DeepCopy()
	if o.GetNamespace() != "" {
		o.SetNamespace(namespace)
	} else {
		o.SetName(o.GetName() + "-" + namespace)
	}
	if o.GetKind() == "ClusterRoleBinding" {
		role, _, _ := unstructured.NestedString(o.Object, "roleRef", "name")
		_ = unstructured.SetNestedField(o.Object, role+"-"+namespace, "roleRef", "name")
	}
	subjects, _, _ := unstructured.NestedSlice(o.Object, "subjects")
	for _, subject := range subjects {
		subject.(map[string]any)["namespace"] = namespace
	}
	if len(subjects) > 0 {
		_ = unstructured.SetNestedSlice(o.Object, subjects, "subjects")
	}
	return o
}

func (s *suite) apply(ctx context.Context, resource schema.GroupVersionResource, o *unstructured.Unstructured) error {
	_, err := s.dynamic.Resource(resource).Namespace(o.GetNamespace()).Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "e2e"})
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

// serviceAccount writes a kubeconfig for the controller's account in a
// namespace: what it may do is what the shipped roles say.
func (s *suite) serviceAccount(ctx context.Context, namespace string) (string, error) {
	hours := int64(24 * 3600)
	token, err := s.kube.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hours}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("token of %s/%s: %w", namespace, account, err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: s.APIServer, CertificateAuthority: s.CAFile}
	config.AuthInfos[account] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: account}
	config.CurrentContext = "e2e"
	file := filepath.Join(s.Dir, namespace+".kubeconfig")
	return file, clientcmd.WriteToFile(*config, file)
}

func decode(file string) ([]*unstructured.Unstructured, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}
