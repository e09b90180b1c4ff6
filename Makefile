# Everything that is done to Pillarbox, by name. `make` alone lists it.

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
.PHONY: help demo check test story test-distributed test-crash test-simulation test-clients vectors fuzz bench bench-growth fresh

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build and run the main job before your eyes
	$(CARGO) run --release -- demo

check: ## Format, clippy with warnings as errors, rustdoc, and cargo-deny where it is installed
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check bans licenses sources; \
	else echo "cargo-deny is not installed: bans, licences and sources were not checked"; fi

test: ## All tests on the embedded default; needs nothing but cargo
	$(RUN_TESTS) --workspace

story: ## One story by a part of its name: make story name=cannot_be_delivered
	$(RUN_TESTS) --workspace $(FILTER)

test-distributed: ## The same stories on PostgreSQL and a real SMTP server, both started privately
	scripts/test-distributed.sh

test-crash: ## Kill the real binary at random moments, kills=60 times, all through a job of rows=100000, and on a failing disk
	$(CARGO) build --workspace --tests --bins
	PILLARBOX_KILLS=$(or $(kills),60) PILLARBOX_STORM_ROWS=$(or $(rows),100000) PILLARBOX_STORM_KILLS=100000 \
	$(CARGO) test --workspace --test crash -- --nocapture --test-threads=1

test-simulation: ## Rage seeds=10000 storms of faults over the real platform, and count the promises
	$(CARGO) build --workspace --tests
	PILLARBOX_SEEDS=$(or $(seeds),10000) $(CARGO) test --workspace --test stories -- --nocapture the_promises_hold

test-clients: ## The unmodified official clients (Python, Node) and schemathesis against a private platform
	scripts/test-clients.sh

vectors: ## Every vector file we know, from PILLARBOX_VECTORS or the copy here
	@bad=0; \
	$(CARGO) test --quiet -p pillarbox-recipients -p pillarbox-templates -p pillarbox-spreadsheets --tests -- vectors:: --nocapture || bad=1; \
	$(CARGO) test --quiet --workspace --test stories -- contract:: of_the_vectors --nocapture --test-threads=1 || bad=1; \
	exit $$bad

fuzz: ## Texts made up by a fuzzer, for seconds=600 in all; needs nightly, installs cargo-fuzz
	seconds=$(or $(seconds),600) targets="$(targets)" scripts/fuzz.sh

bench: ## Rates, and their ratios to the same rows inserted bare, on both databases
	scripts/bench.sh

bench-growth: ## What a message costs with kept=10000,10000000 in the table, on both databases; some 8 GB of disk
	scripts/bench.sh --part growth --kept $(or $(kept),10000$(comma)10000000)

fresh: ## Make again what is generated: the settings reference, the description of the API
	$(CARGO) run --quiet -p pillarbox-server --bin pillarbox -- settings > docs/settings.md
	$(CARGO) run --quiet -p pillarbox-server --bin pillarbox -- openapi > docs/openapi.json
