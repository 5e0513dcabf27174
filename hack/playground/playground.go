// Package playground runs a real Kubernetes control plane on loopback: etcd in
// this process, kube-apiserver and kube-controller-manager as its children, and
// a node that runs pods. It needs neither root nor containers, takes a few
// seconds to start, and leaves nothing behind.
//
// It is for tests and for trying things out: its keys and tokens protect
// nothing, and its data is not synced to disk.
package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/sluice-rollouts/sluice/hack/playground/node"
)

// Version of Kubernetes that the playground runs.
const Version = "v1.37.2"

const startTimeout = 2 * time.Minute

// Options say what to run. The zero value but for BinDir runs a control plane
// whose pods report as running without serving anything.
type Options struct {
	BinDir    string        // where build.sh has put the binaries
	Dir       string        // keeps the data there; empty: a new temporary folder, removed at Stop
	APIServer string        // loopback address to listen on; empty: a free port
	Etcd      string        // likewise
	Manifests []string      // files and folders applied at the start, CRDs first
	Listen    bool          // pods serve on their own addresses: inside a network namespace only
	Drain     time.Duration // how long a pod told to stop goes on serving; its env DRAIN overrides
	Record    bool          // write every change in etcd to Info.Writes
	Audit     bool          // write every request to Info.Audit
}

// Info says how to reach a running playground. Its JSON is what
// "playground up" prints, and what playground.json holds.
type Info struct {
	Kubeconfig string `json:"kubeconfig"`       // of an administrator
	APIServer  string `json:"apiServer"`        // URL
	Token      string `json:"token"`            // of an administrator
	CAFile     string `json:"caFile"`           // of the API server's certificate
	Etcd       string `json:"etcd"`             // client URL, no credentials
	Dir        string `json:"dir"`              // data, logs/*.log
	Version    string `json:"version"`          // of Kubernetes
	Writes     string `json:"writes,omitempty"` // with Record: JSON lines, see Write
	Audit      string `json:"audit,omitempty"`  // with Audit: JSON lines, audit.k8s.io/v1 Events of level Metadata
	URL        string `json:"url,omitempty"`    // with a data plane: where it takes requests
}

// Playground is a running control plane.
type Playground struct {
	Info
	Config *rest.Config // of an administrator, not rate limited

	options Options
	cleanup []func()   // run in reverse by Stop
	failed  chan error // the first part that ended by itself
}

// Start returns when the API server is ready and the node registered. All of it
// ends with Stop, or with this process.
func Start(ctx context.Context, options Options) (*Playground, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p := &Playground{options: options, failed: make(chan error, 1)}
	if err := p.start(ctx); err != nil {
		select {
		case cause := <-p.failed: // tells more than that nobody answered
			err = cause
		default:
		}
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Playground) start(ctx context.Context) error {
	if err := p.prepare(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		p.startEtcd,
		p.startAPIServer,
		p.startControllerManager,
		p.startNode,
		p.applyManifests,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return p.writeInfo()
}

// prepare makes the folders, keys, tokens and addresses.
func (p *Playground) prepare() error {
	dir := p.options.Dir
	if dir == "" {
		tmp, err := os.MkdirTemp("", "playground-")
		if err != nil {
			return fmt.Errorf("make a data folder: %w", err)
		}
		p.onStop(func() { os.RemoveAll(tmp) })
		dir = tmp
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return fmt.Errorf("make a log folder: %w", err)
	}
	for _, address := range []*string{&p.options.APIServer, &p.options.Etcd} {
		if *address == "" {
			if *address, err = FreeAddress(); err != nil {
				return err
			}
		}
	}
	p.Info = Info{
		Dir:        dir,
		Version:    Version,
		APIServer:  "https://" + p.options.APIServer,
		Etcd:       "http://" + p.options.Etcd,
		Kubeconfig: filepath.Join(dir, "kubeconfig"),
		CAFile:     filepath.Join(dir, "ca.crt"),
	}
	return p.writeCredentials()
}

func (p *Playground) startNode(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(rest.CopyConfig(p.Config), "playground-node"))
	if err != nil {
		return fmt.Errorf("client of the node: %w", err)
	}
	// The node outlives the context of the start.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	n, err := node.Start(running, client, node.Options{Listen: p.options.Listen, Drain: p.options.Drain})
	if err != nil {
		stop()
		return fmt.Errorf("start the node: %w", err)
	}
	p.onStop(func() { stop(); n.Wait() })
	return nil
}

// Failed receives the reason if a part ends by itself.
func (p *Playground) Failed() <-chan error { return p.failed }

// Stop ends all parts and removes a temporary data folder.
func (p *Playground) Stop() {
	for i := len(p.cleanup) - 1; i >= 0; i-- {
		p.cleanup[i]()
	}
	p.cleanup = nil
}

func (p *Playground) onStop(f func()) { p.cleanup = append(p.cleanup, f) }

func (p *Playground) fail(err error) {
	select {
	case p.failed <- err:
	default: // an earlier one is the cause
	}
}

func (p *Playground) binary(name string) (string, error) {
	path := filepath.Join(p.options.BinDir, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s is not built: run hack/playground/build.sh", path)
	}
	return path, nil
}
