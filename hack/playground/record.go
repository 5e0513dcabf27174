package playground

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// registry is the prefix of all that the API server stores.
const registry = "/registry/"

// Write is one change in etcd, one line of Info.Writes. The lines are in the
// order in which the changes became true: a judge who reads them has seen every
// state that the API server ever had.
type Write struct {
	Revision int64           `json:"revision"`         // equals the object's resourceVersion; a transaction's changes share it
	Type     string          `json:"type"`             // PUT or DELETE
	Key      string          `json:"key"`              // e.g. /registry/services/specs/default/shop
	Object   json.RawMessage `json:"object,omitempty"` // as stored, without the resourceVersion
}

// record follows etcd from its first revision on.
func (p *Playground) record(ctx context.Context) error {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{p.Etcd}, Context: context.WithoutCancel(ctx)})
	if err != nil {
		return fmt.Errorf("client of etcd: %w", err)
	}
	p.Writes = filepath.Join(p.Dir, "writes.jsonl")
	file, err := os.Create(p.Writes)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	watch := client.Watch(context.WithoutCancel(ctx), registry, clientv3.WithPrefix(), clientv3.WithRev(1))
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer file.Close()
		if err := writeAll(file, watch); err != nil {
			p.fail(fmt.Errorf("record: %w", err))
		}
	}()
	p.onStop(func() { client.Close(); <-done })
	return nil
}

func writeAll(file *os.File, watch clientv3.WatchChan) error {
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	for response := range watch {
		for _, event := range response.Events {
			if noise(string(event.Kv.Key)) {
				continue
			}
			w := Write{Revision: event.Kv.ModRevision, Type: "PUT", Key: string(event.Kv.Key), Object: event.Kv.Value}
			if event.Type == mvccpb.Event_DELETE {
				w.Type, w.Object = "DELETE", nil
			}
			if w.Object != nil && !json.Valid(w.Object) {
				w.Object = nil // a counter or an address, not an object
			}
			if err := lines.Encode(w); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// noise is what changes all the time and tells nothing.
func noise(key string) bool {
	return strings.HasPrefix(key, registry+"events/") || strings.HasPrefix(key, registry+"masterleases/")
}
