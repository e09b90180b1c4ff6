# Development tasks. `make` alone lists them.

SHELL := /bin/bash
CARGO ?= cargo
# cargo-nextest where it is installed, the plain runner elsewhere.
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
ifdef NEXTEST
RUN_TESTS = $(CARGO) nextest run --no-fail-fast
FILTER = -E 'package(pillarbox-stories) and test($(name))'
else
RUN_TESTS = $(CARGO) test --no-fail-fast
FILTER = --test stories $(name)
endif

comma := ,

.DEFAULT_GOAL := help
.PHONY: help demo dist package check test story test-distributed test-crash test-simulation test-clients vectors fuzz bench bench-growth fresh

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build the program and run its demonstration
	$(CARGO) run --release -- demo

dist: ## Build target/dist/pillarbox as it is shipped: optimised, stripped, its symbols in pillarbox.debug
	$(CARGO) build --profile dist --locked --bin pillarbox
	cd $(or $(CARGO_TARGET_DIR),target)/dist && \
	objcopy --only-keep-debug pillarbox pillarbox.debug && \
	objcopy --strip-all --add-gnu-debuglink=pillarbox.debug pillarbox

package: ## Make the Debian package, an archive, manual pages, licences and checksums in target/package
	scripts/package.sh

check: ## Format, clippy and rustdoc with warnings as errors, and the rules for dependencies in deny.toml
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	scripts/deny.sh

test: ## All tests, on SQLite; needs nothing but cargo
	$(RUN_TESTS) --workspace

story: ## The stories with a given part in their name: make story name=twice
	$(RUN_TESTS) --workspace $(FILTER)

test-distributed: ## The stories on PostgreSQL and a real SMTP server, both started for the test
	scripts/test-distributed.sh

test-crash: ## Kill the real binary at random moments, kills=60 times and during a job of rows=100000, and on a failing disk
	$(CARGO) build --workspace --tests --bins
	PILLARBOX_KILLS=$(or $(kills),60) PILLARBOX_STORM_ROWS=$(or $(rows),100000) PILLARBOX_STORM_KILLS=100000 \
	$(CARGO) test --workspace --test crash -- --nocapture --test-threads=1

test-simulation: ## Check the invariants in seeds=10000 simulated runs with random faults
	$(CARGO) build --workspace --tests
	PILLARBOX_SEEDS=$(or $(seeds),10000) $(CARGO) test --workspace --test stories -- --nocapture the_promises_hold

test-clients: ## The official clients (Python, Node) and schemathesis against a platform started for the test
	scripts/test-clients.sh

vectors: ## All test vectors and contract cases, from PILLARBOX_VECTORS or the copy here
	@bad=0; \
	$(CARGO) test --quiet -p pillarbox-recipients -p pillarbox-templates -p pillarbox-spreadsheets --tests -- vectors:: --nocapture || bad=1; \
	$(CARGO) test --quiet --workspace --test stories -- contract:: of_the_vectors --nocapture --test-threads=1 || bad=1; \
	exit $$bad

fuzz: ## Fuzz parsers, renderers, requests, tokens, receipts and files for seconds=1800 in total, and say what was reached; needs a nightly compiler, installs cargo-fuzz
	seconds=$(or $(seconds),1800) targets="$(targets)" shrink="$(shrink)" jobs="$(jobs)" scripts/fuzz.sh

bench: ## Throughput, and its ratio to plain inserts of the same rows, on both databases
	scripts/bench.sh

bench-growth: ## Cost of a notification with kept=10000,10000000 in the table, on both databases; needs 8 GB of disk
	scripts/bench.sh --part growth --kept $(or $(kept),10000$(comma)10000000)

fresh: ## Regenerate the settings reference and schema, and the OpenAPI document
	$(CARGO) run --quiet -p pillarbox-server --bin pillarbox -- settings > docs/settings.md
	$(CARGO) run --quiet -p pillarbox-server --bin pillarbox -- settings --schema > docs/settings.schema.json
	$(CARGO) run --quiet -p pillarbox-server --bin pillarbox -- openapi > docs/openapi.json
