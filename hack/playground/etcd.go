package playground

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd runs etcd in this process.
func (p *Playground) startEtcd(ctx context.Context) error {
	peer, err := FreeAddress()
	if err != nil {
		return err
	}
	clientURL, peerURL := url.URL{Scheme: "http", Host: p.options.Etcd}, url.URL{Scheme: "http", Host: peer}
	config := embed.NewConfig()
	config.Dir = filepath.Join(p.Dir, "etcd")
	config.LogLevel = "warn"
	config.LogOutputs = []string{filepath.Join(p.Dir, "logs", "etcd.log")}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{clientURL}, []url.URL{clientURL}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peerURL}, []url.URL{peerURL}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.UnsafeNoFsync = true // nothing here is worth keeping through a power cut
	server, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	p.onStop(server.Close)
	select {
	case <-server.Server.ReadyNotify():
	case err := <-server.Err():
		return fmt.Errorf("start etcd: %w", err)
	case <-ctx.Done():
		return fmt.Errorf("wait for etcd: %w", context.Cause(ctx))
	}
	go func() {
		select {
		case err := <-server.Err():
			p.fail(fmt.Errorf("etcd ended by itself: %w", errors.Join(err)))
		case <-server.Server.StopNotify():
		}
	}()
	if p.options.Record {
		return p.record(ctx)
	}
	return nil
}
