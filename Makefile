# All that one does with Madang. `make` lists the targets; CI calls the same ones.
SHELL := /bin/sh
.DEFAULT_GOAL := help
CARGO ?= cargo
# Where cargo puts what it builds.
TARGET = $(shell $(CARGO) metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
# A workspace of its own, with what another system needs; in the same folder.
PEERS = --locked --manifest-path bench/peers/Cargo.toml --target-dir "$(TARGET)"
# Where `make install` puts madang and the services: one folder, on PATH.
BIN ?= $(HOME)/.local/bin
# What has SQL, or runs it.
STORES := db events catalog inventory payments shipping orders notifications
# Points where tests have the processes die (crates/crash). What is released has none.
POINTS := --features madang-crash/points
# What the suites draw at random is the same each time, but in the long forms, where a seed is another each time unless named.
SEED := MADANG_TEST_SEED=$(or $(MADANG_TEST_SEED),1)
SERVICES := catalog inventory payments shipping orders notifications gateway console

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build everything as it is used (release)
	$(CARGO) build --release --locked --workspace --bins

.PHONY: demo
demo: build ## Start a fresh shop, place orders in good and bad weather, audit, stop
	"$(TARGET)/release/madang" demo

.PHONY: prove
prove: build ## Try the claims of the architecture by experiment, and then each without its mechanism, which must fail
	"$(TARGET)/release/madang" prove
	"$(TARGET)/release/madang" prove --controls

.PHONY: up
up: build ## Keep the shop on its usual ports until Ctrl-C
	"$(TARGET)/release/madang" up

.PHONY: test
test: ## Run all tests
	$(CARGO) test --locked --quiet -p madang-crash
	$(CARGO) build --locked --workspace --bins $(POINTS)
	$(SEED) CARGO="$(CARGO)" tools/test --locked --workspace $(POINTS)

.PHONY: test-crash
test-crash: ## Have every process die at every point (BACKENDS=postgres-nats: on those)
	$(CARGO) build --locked --workspace --bins $(POINTS)
	MADANG_CRASH_VISITS=all CARGO="$(CARGO)" $(if $(BACKENDS),MADANG_TEST_BACKENDS=$(BACKENDS) tools/backends run) \
	  tools/test --locked -p madang-tests --test crashes -- --nocapture

.PHONY: test-backends
test-backends: ## Run all that touches a database, journeys, losses and crashes on a real PostgreSQL and nats-server, installed where missing
	CARGO="$(CARGO)" tools/backends run tools/test --locked $(STORES:%=-p madang-%) --test '*' $(POINTS)
	$(CARGO) build --locked --workspace --bins $(POINTS)
	$(SEED) MADANG_TEST_BACKENDS=postgres-nats CARGO="$(CARGO)" tools/backends run \
	  tools/test --locked -p madang-tests --test every_rpc --test journeys --test losses --test crashes

.PHONY: test-nats
test-nats: ## Run the suites of events on a real nats-server, installed where it is missing
	CARGO="$(CARGO)" tools/backends run tools/test --locked -p madang-events

.PHONY: test-losses
test-losses: ## Try for long to make the shop lose something: kills, full disks, old backups, 100,000 orders (release)
	$(CARGO) build --release --locked --workspace --bins
	MADANG_TEST_LOSSES=long CARGO="$(CARGO)" tools/test --release --locked -p madang-tests --test losses

.PHONY: test-sim
test-sim: ## Run the whole shop in one thread from 1,000 seeds (SEEDS=…)
	MADANG_SIM_SEEDS=$(or $(SEEDS),1000) $(CARGO) test --locked --release -p madang-sim -- --nocapture

.PHONY: bench
bench: build ## Measure the shop beside yardsticks, and write docs/evidence/bench.{json,html} (GOAL=saga: one part, and nothing written)
	$(CARGO) run --release --locked --quiet -p madang-bench -- goals \
	  $(or $(GOAL),--json docs/evidence/bench.json --html docs/evidence/bench.html)

.PHONY: bench-peers
bench-peers: build ## Measure the shop beside the same saga on Restate, whose server npm brings
	$(CARGO) build --release $(PEERS)
	server=$$(tools/restate) && MADANG_RESTATE_SERVER="$$server" \
	  $(CARGO) run --release --locked --quiet -p madang-bench -- goals restate

.PHONY: counts
counts: build ## Count the instructions of an order and of a hop, by valgrind; fails where they grew by more than 5 % (WRITE=1: keeps them)
	$(CARGO) run --release --locked --quiet --bin madang-bench -- counts $(if $(WRITE),--write)

.PHONY: profile
profile: ## Tell where the instructions of an order go, by valgrind (OF=product: of a read through the gateway)
	$(CARGO) build --profile profiling --locked --bin madang-sim --bin madang-bench
	$(CARGO) run --profile profiling --locked --quiet --bin madang-bench -- profile $(OF)

.PHONY: install
install: build ## Put madang and the services into one folder on PATH (BIN=~/.local/bin)
	mkdir -p "$(BIN)"
	for name in madang $(SERVICES:%=madang-%); do \
	  install -m 755 "$(TARGET)/release/$$name" "$(BIN)/$$name" || exit 1; \
	done

.PHONY: check
check: fmt clippy doc proto ## Everything but the tests: format, lints, docs, contracts

.PHONY: fmt
fmt: ## Check the format
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path bench/peers/Cargo.toml --check

.PHONY: clippy
clippy: ## Check the lints; a warning is an error here
	$(CARGO) clippy --locked --workspace --all-targets $(POINTS) -- -D warnings
	$(CARGO) clippy $(PEERS) --all-targets -- -D warnings

.PHONY: doc
doc: ## Check that the docs build without a broken link
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --quiet

.PHONY: proto
proto: ## Check the contracts: buf lint, and buf breaking against what was released
	tools/buf lint proto
	tools/buf breaking proto --against proto/released/madang.binpb

.PHONY: check-charts
check-charts: ## Check charts, manifests, policies and the Dockerfile, with helm and kubectl, installed where missing; no cluster
	MADANG_TEST_CHARTS=1 CARGO="$(CARGO)" tools/kubernetes tools/test --locked -p madang-tests --test manifests

.PHONY: check-rules
check-rules: ## Check and try the rules of alerts, with promtool, taken from Debian's package where missing
	tools/promtool check rules helm/commons/files/rules.yaml
	tools/promtool test rules k8s/platform/rules.test.yaml

.PHONY: release-proto
release-proto: ## Take the contracts as they are for released; only a release does this
	tools/buf build proto -o proto/released/madang.binpb

.PHONY: images
images: ## Build the container images of all services and of madang, with docker
	tools/images build

.PHONY: kind-load
kind-load: ## Bring the images into the kind cluster (CLUSTER=madang)
	tools/images load $(or $(CLUSTER),madang)

.PHONY: kind
kind: ## Have the shop on Kubernetes in kind, with Istio: one command (FLAGS=… for madang cluster up)
	$(CARGO) run --release --locked --quiet -p madang-cli -- cluster up $(FLAGS)

.PHONY: kind-down
kind-down: ## Delete that cluster, with all its data
	$(CARGO) run --release --locked --quiet -p madang-cli -- cluster down

.PHONY: render
render: ## Write what is generated: k8s/base/shop.yaml, k8s/platform/rules.yaml, dashboards, docs/{claims,policies,telemetry}.md, README's pictures
	MADANG_WRITE_CLAIMS=1 $(CARGO) test --locked --quiet -p madang-experiments --test claims
	MADANG_WRITE_CLAIMS=1 $(CARGO) test --locked --quiet -p madang-cli --lib readmes_pictures
	tools/kubernetes tools/render shop
	MADANG_WRITE_TELEMETRY=1 $(CARGO) test --locked --quiet -p madang-chassis --lib docs_telemetry
	MADANG_WRITE_TELEMETRY=1 $(CARGO) test --locked --quiet -p madang-sim --test telemetry
	MADANG_WRITE_POLICIES=1 MADANG_TEST_CHARTS=1 tools/kubernetes $(CARGO) test --locked --quiet -p madang-tests --test manifests document

.PHONY: test-cluster
test-cluster: CONTEXT ?= kind-madang
test-cluster: ## Try the shop on a cluster: policies, upgrades, kills (CONTEXT=kind-madang, EDGE=http://127.0.0.1:9090, NODE=…)
	$(CARGO) build --release --locked -p madang-cli
	MADANG_TEST_CONTEXT=$(CONTEXT) MADANG_TEST_EDGE=$(or $(EDGE),http://127.0.0.1:9090) \
	MADANG_TEST_NODE='$(or $(NODE),$(if $(filter kind-%,$(CONTEXT)),docker exec {node}))' \
	  $(CARGO) test --release --locked -p madang-tests --test cluster -- --nocapture --test-threads=1
