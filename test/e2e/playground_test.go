// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e runs the built controller, under the rights that it ships with,
// against a real API server. hack/e2e.sh builds what it needs, and runs it.
//
// There is one control plane for all tests, and each test has a namespace of
// its own. No data plane runs: what a gateway controller would answer is played
// by gateway_test.go.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// binEnv names the folder with what the playground runs. Without it there is
// nothing to test on.
const binEnv = "SLUICE_E2E_PLAYGROUND"

// controllerEnv names the controller's program.
const controllerEnv = "SLUICE_E2E_CONTROLLER"

// playground is the control plane of all tests.
type playground struct {
	Kubeconfig string `json:"kubeconfig"`
	APIServer  string `json:"apiServer"`
	Token      string `json:"token"`
	CAFile     string `json:"caFile"`
	Dir        string `json:"dir"`
	Writes     string `json:"writes"`
	Audit      string `json:"audit"`

	cmd *exec.Cmd
}

// suite is what the tests share.
type suite struct {
	*playground
	*clients
	tape  *tape
	audit *auditor
	// main acts on what carries no instance, teller on the instance told.
	main, teller *controller
	// kubeconfig of the shipped account for all namespaces.
	kubeconfig string
}

// told is the instance for tests that wait for events. A controller sends them
// one after the other, so that those of the main one come late while all tests
// run.
const told = "told"

// all is set once, before any test runs.
var all *suite

func TestMain(m *testing.M) {
	if os.Getenv(binEnv) == "" {
		fmt.Printf("test/e2e needs a control plane: run hack/e2e.sh, which builds one and sets %s\n", binEnv)
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	// What was started ends with this process in any case; told to stop, it
	// leaves no files either.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	started := time.Now()
	s, err := startSuite(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		return 1
	}
	all = s
	finish := context.AfterFunc(ctx, func() {
		s.main.kill()
		s.teller.kill()
		s.stop()
		os.RemoveAll(s.Dir)
		os.Exit(130)
	})
	defer finish()
	fmt.Printf("control plane ready after %.1f s, its logs are in %s\n", time.Since(started).Seconds(), s.Dir)
	code = m.Run()
	s.main.stop()
	s.teller.stop()
	if err := s.verdict(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		code = 1
	}
	printFigures()
	s.stop()
	if code == 0 {
		os.RemoveAll(s.Dir)
	} else {
		fmt.Fprintf(os.Stderr, "logs, every write and every request are in %s\n", s.Dir)
	}
	return code
}

func startSuite(ctx context.Context) (*suite, error) {
	dir, err := os.MkdirTemp("", "sluice-e2e-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if ctx.Err() != nil {
			os.RemoveAll(dir)
		}
	}()
	install, err := shippedManifests(dir)
	if err != nil {
		return nil, err
	}
	p, err := startPlayground(ctx, dir, install)
	if err != nil {
		return nil, err
	}
	s := &suite{playground: p}
	if s.tape, err = record(ctx, p.Writes); err != nil {
		return nil, err
	}
	if s.audit, err = audit(ctx, p.Audit); err != nil {
		return nil, err
	}
	if s.clients, err = newClients(p, s.tape); err != nil {
		return nil, err
	}
	if err := s.playGateway(ctx); err != nil {
		return nil, err
	}
	if s.kubeconfig, err = s.serviceAccount(ctx, systemNamespace); err != nil {
		return nil, err
	}
	args := []string{"--lease-namespace=" + systemNamespace, "--qps=200", "--burst=400"}
	if s.main, err = s.startController("main", s.kubeconfig, args...); err != nil {
		return nil, err
	}
	s.teller, err = s.startController(told, s.kubeconfig, append(args, "--instance-id="+told)...)
	return s, err
}

// startPlayground returns once the control plane is ready. It ends with this
// process, however that ends.
func startPlayground(ctx context.Context, dir, install string) (*playground, error) {
	const root = "../.."
	stderr, err := os.Create(filepath.Join(dir, "playground.log"))
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	bin := os.Getenv(binEnv)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "playground"), "up", "--bin", bin, "--dir", dir, "--record", "--audit", "--drain=100ms",
		"--manifests", install,
		"--manifests", filepath.Join(root, "hack/playground/crds/gateway-api"),
		"--manifests", filepath.Join(root, "hack/playground/crds/istio"))
	cmd.Stderr, cmd.Cancel = stderr, func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &playground{cmd: cmd}
	if err := json.NewDecoder(stdout).Decode(p); err != nil {
		p.stop()
		said, _ := os.ReadFile(stderr.Name())
		return nil, fmt.Errorf("%w\n%s", err, bytes.TrimSpace(said))
	}
	return p, nil
}

func (p *playground) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// config is that of an administrator.
func (p *playground) config() *rest.Config {
	return &rest.Config{
		Host: p.APIServer, BearerToken: p.Token, UserAgent: "e2e", QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAFile: p.CAFile},
	}
}
