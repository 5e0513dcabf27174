package playground

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const masters = "system:masters"

// writeCredentials makes the keys, the tokens and the kubeconfigs.
func (p *Playground) writeCredentials() error {
	if err := p.writeCertificate(); err != nil {
		return err
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	if err := writeKey(p.file("sa.key"), key); err != nil {
		return err
	}
	p.Token = rand.Text()
	p.Config = &rest.Config{
		Host:            p.APIServer,
		BearerToken:     p.Token,
		TLSClientConfig: rest.TLSClientConfig{CAFile: p.CAFile},
		QPS:             -1, // the playground is its only user
	}
	return p.writeTokens()
}

// writeTokens gives each part a user of its own, so that the audit log tells
// them apart.
func (p *Playground) writeTokens() error {
	users := []struct{ user, token, kubeconfig string }{
		{"admin", p.Token, p.Kubeconfig},
		{"kube-controller-manager", rand.Text(), p.file("controller-manager.kubeconfig")},
		{"traefik", rand.Text(), p.file("traefik.kubeconfig")},
		{"sluice", rand.Text(), p.file("sluice.kubeconfig")},
	}
	var csv strings.Builder
	for _, u := range users {
		fmt.Fprintf(&csv, "%s,%s,%s,%s\n", u.token, u.user, u.user, masters)
		if err := p.WriteKubeconfig(u.kubeconfig, u.user, u.token); err != nil {
			return err
		}
	}
	if err := os.WriteFile(p.file("tokens.csv"), []byte(csv.String()), 0o600); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	return nil
}

// WriteKubeconfig writes a kubeconfig for whoever has a token.
func (p *Playground) WriteKubeconfig(file, user, token string) error {
	const name = "playground"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: p.APIServer, CertificateAuthority: p.CAFile}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user, Namespace: "default"}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// writeCertificate makes one self-signed certificate, its own authority.
func (p *Playground) writeCertificate() error {
	key, err := newKey()
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "playground"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for _, file := range []string{p.CAFile, p.file("serving.crt")} {
		if err := os.WriteFile(file, block, 0o600); err != nil {
			return fmt.Errorf("write certificate: %w", err)
		}
	}
	return writeKey(p.file("serving.key"), key)
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

// writeInfo writes playground.json, complete or not at all.
func (p *Playground) writeInfo() error {
	content, err := json.MarshalIndent(p.Info, "", "  ")
	if err != nil {
		return fmt.Errorf("encode playground.json: %w", err)
	}
	if err := os.WriteFile(p.file(".playground.json"), append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write playground.json: %w", err)
	}
	if err := os.Rename(p.file(".playground.json"), p.file("playground.json")); err != nil {
		return fmt.Errorf("write playground.json: %w", err)
	}
	return nil
}
