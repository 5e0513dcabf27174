package playground

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Traefik is a running data plane. It serves the Gateways whose listener has
// its port.
type Traefik struct {
	*Process
	URL string // where it takes requests
	API string // where it tells which configuration it serves
}

// StartTraefik runs Traefik as a data plane of the Gateway API, and returns
// once it answers. It reaches pods on their own addresses, so that the playground must
// have been started with Listen. Sets Info.URL.
func (p *Playground) StartTraefik(ctx context.Context, address string) (*Traefik, error) {
	program, err := p.binary("traefik")
	if err != nil {
		return nil, err
	}
	api, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	if address == "" {
		if address, err = FreeAddress(); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(program,
		"--global.sendanonymoususage=false",
		"--global.checknewversion=false",
		"--entrypoints.web.address="+address,
		"--entrypoints.traefik.address="+api,
		"--api.insecure=true",
		"--ping=true",
		"--providers.kubernetesgateway=true",
		"--providers.providersthrottleduration=100ms",
		"--log.level=INFO",
		"--log.nocolor=true",
	)
	cmd.Env = append(withoutCluster(os.Environ()), "KUBECONFIG="+p.file("traefik.kubeconfig"))
	process, err := p.run("traefik", cmd)
	if err != nil {
		return nil, err
	}
	t := &Traefik{Process: process, URL: "http://" + address, API: "http://" + api}
	if err := p.waitTraefik(ctx, t.API+"/ping"); err != nil {
		return nil, err
	}
	p.URL = t.URL
	return t, p.writeInfo()
}

// KubeconfigOf returns the kubeconfig of one of the users that the playground knows:
// sluice, traefik, controller-manager.
func (p *Playground) KubeconfigOf(user string) string { return p.file(user + ".kubeconfig") }

func (p *Playground) waitTraefik(ctx context.Context, url string) error {
	client := &http.Client{Timeout: time.Second}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		select {
		case err := <-p.failed:
			p.fail(err)
			return false, err
		default:
		}
		return isUp(ctx, client, url), nil
	})
	if err != nil {
		return fmt.Errorf("wait for traefik: %w", err)
	}
	return nil
}

func isUp(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// withoutCluster drops what a pod is told of the cluster it runs in: Traefik
// would go there.
func withoutCluster(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		return strings.HasPrefix(e, "KUBERNETES_SERVICE_") || strings.HasPrefix(e, "KUBECONFIG=")
	})
}

// Port of an address.
func Port(address string) string {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	if err != nil {
		return ""
	}
	return port
}
