# The table of contents. The work is done by the scripts in hack/.

.DEFAULT_GOAL := help

# VAR=value on the command line reaches the scripts.
export KEEP SEED N BUILD

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

##@ See it

demo: ## a real rollout with real traffic, on this machine; KEEP=1 leaves it running
	hack/demo.sh

playground: ## a control plane and a node to try things on; prints a kubeconfig
	hack/playground.sh

##@ Build and run it

build: ## the controller, into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

run: build ## the controller on this machine, against the cluster of $KUBECONFIG
	bin/sluice-controller --leader-elect=false

image: ## an OCI image archive, without a container engine
	hack/image.sh

manifests: ## generate manifests/ from the types and the bases
	hack/update-crds.sh && hack/update-manifests.sh

##@ Prove it

test: ## all tests but those that need a data plane
	hack/test.sh

test-dataplanes: ## the tests that send traffic through a real data plane
	hack/test-dataplanes.sh

e2e: ## the tests on a real API server alone
	hack/e2e.sh

sim: ## random rollouts with faults; SEED= says where to begin, N= how many
	hack/sim.sh

mutate: ## does the simulation notice each gate that is switched off?
	hack/mutate.sh

bench: ## benchmarks and counters
	hack/bench.sh

rewrite-stories: ## write what the stories say now; review the difference
	go test ./pkg/controller -run 'TestStories|TestProofs' -rewrite

lint: ## style and suspicious code
	hack/lint.sh

verify: ## generated files, imports and sizes
	hack/verify.sh

update: ## generate clients, definitions and manifests
	hack/update-codegen.sh && hack/update-crds.sh && hack/update-manifests.sh

clean: ## remove what was built
	rm -rf bin build

.PHONY: help demo playground build run image manifests test test-dataplanes e2e sim mutate bench rewrite-stories lint verify update clean
