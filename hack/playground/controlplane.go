package playground

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
)

// advertised is what the API server would tell pods. Nobody dials it, but it
// may not be a loopback address.
const advertised = "192.0.2.1"

// admissions are off because pods here have no tokens, volumes or taints.
var admissionsOff = []string{
	"ServiceAccount", "TaintNodesByCondition", "DefaultTolerationSeconds", "DefaultStorageClass", "DefaultIngressClass",
	"StorageObjectInUseProtection", "PersistentVolumeClaimResize", "RuntimeClass",
	"CertificateApproval", "CertificateSigning", "CertificateSubjectRestriction", "ClusterTrustBundleAttest",
}

// controllers are those that a Rollout's world needs.
var controllers = []string{
	"deployment-controller", "replicaset-controller", "statefulset-controller", "job-controller",
	"endpointslice-controller", "endpoints-controller",
	"garbage-collector-controller", "namespace-controller", "serviceaccount-controller", "resourcequota-controller",
	"horizontal-pod-autoscaler-controller", "disruption-controller", "clusterrole-aggregation-controller",
	"validatingadmissionpolicy-status-controller",
}

// startAPIServer returns when the API server is ready for requests.
func (p *Playground) startAPIServer(ctx context.Context) error {
	program, err := p.binary("kube-apiserver")
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(p.options.APIServer)
	if err != nil {
		return fmt.Errorf("address of the API server: %w", err)
	}
	args := []string{
		"--etcd-servers=" + p.Etcd,
		"--storage-media-type=application/json", // so that what is recorded can be read
		"--bind-address=" + host,
		"--secure-port=" + port,
		"--advertise-address=" + advertised,
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + p.file("serving.crt"),
		"--tls-private-key-file=" + p.file("serving.key"),
		"--token-auth-file=" + p.file("tokens.csv"),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://playground.invalid",
		"--service-account-key-file=" + p.file("sa.key"),
		"--service-account-signing-key-file=" + p.file("sa.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--disable-admission-plugins=" + strings.Join(admissionsOff, ","),
		"--enable-priority-and-fairness=false",
		"--max-requests-inflight=0",
		"--max-mutating-requests-inflight=0",
		"--shutdown-delay-duration=0s",
	}
	if p.options.Audit {
		audit, err := p.auditArgs()
		if err != nil {
			return err
		}
		args = append(args, audit...)
	}
	if _, err := p.Run("kube-apiserver", program, args...); err != nil {
		return err
	}
	return p.waitReady(ctx)
}

func (p *Playground) waitReady(ctx context.Context) error {
	client, err := discovery.NewDiscoveryClientForConfig(p.Config)
	if err != nil {
		return fmt.Errorf("client of the API server: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case err := <-p.failed:
			p.fail(err)
			return false, err
		default:
		}
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the API server: %w", err)
	}
	return nil
}

func (p *Playground) startControllerManager(context.Context) error {
	program, err := p.binary("kube-controller-manager")
	if err != nil {
		return err
	}
	_, err = p.Run("kube-controller-manager", program,
		"--kubeconfig="+p.file("controller-manager.kubeconfig"),
		"--controllers="+strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--horizontal-pod-autoscaler-sync-period=1s",
		"--min-resync-period=12h",
		"--service-account-private-key-file="+p.file("sa.key"),
		"--root-ca-file="+p.CAFile,
	)
	return err
}

// auditArgs make the API server tell of every request: who, what, which answer.
func (p *Playground) auditArgs() ([]string, error) {
	const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`
	file := p.file("audit-policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		return nil, fmt.Errorf("audit policy: %w", err)
	}
	p.Audit = p.file("audit.jsonl")
	return []string{"--audit-policy-file=" + file, "--audit-log-path=" + p.Audit, "--audit-log-mode=blocking"}, nil
}

func (p *Playground) file(name string) string { return filepath.Join(p.Dir, name) }
