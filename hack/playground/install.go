package playground

import (
	"context"
	"fmt"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
)

const tokenLife = 365 * 24 * time.Hour

// Install applies what installs a controller, but for its Deployment: here it
// runs as a program. The kubeconfig that is returned has the rights of its
// service account, and no others.
func (p *Playground) Install(ctx context.Context, manifest, namespace, account string) (kubeconfig string, err error) {
	objects, err := read(manifest)
	if err != nil {
		return "", err
	}
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Deployment" })
	if err := p.applyInOrder(ctx, objects); err != nil {
		return "", err
	}
	token, err := p.tokenOf(ctx, namespace, account)
	if err != nil {
		return "", err
	}
	kubeconfig = p.file(account + ".kubeconfig")
	return kubeconfig, p.WriteKubeconfig(kubeconfig, account, token)
}

func (p *Playground) tokenOf(ctx context.Context, namespace, account string) (string, error) {
	client, err := kubernetes.NewForConfig(p.Config)
	if err != nil {
		return "", fmt.Errorf("client of service accounts: %w", err)
	}
	life := int64(tokenLife.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &life}}
	answer, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("token of service account %s/%s: %w", namespace, account, err)
	}
	return answer.Status.Token, nil
}
