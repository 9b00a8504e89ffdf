# Everything a person types. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
DEMO ?=
SOAK ?=

.PHONY: help demo test faults test-api test-compose test-packages packages fuzz soak upgrades verify fix bench bench-long bench-compare deny needs

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# The broker's package, if it is missing, is installed while the build goes on.
demo: ## a whole zone on this machine; DEMO="--racks 4 --nodes 200 --for 30s" for more
	@if [ "$$(id -u)" -eq 0 ] && [ -z "$${ROLLCALL_AMQP_URL:-}" ]; then scripts/needs rabbitmq-server & fi; \
	$(CARGO) build --release -p rollcall-cli; wait
	@exec target/release/rollcall demo $(DEMO)

needs: ## install what the tests need (Debian packages; wants root)
	@scripts/needs

test: needs ## every test and every lint: unit, property, contract, simulation, end to end, packages, the compose cluster
	scripts/test

# FAULTS="--seed 7 --seconds 60 --racks 2 --agents 3" runs one schedule again.
FAULTS ?= --long
faults: needs ## the fault bench at full length, half an hour (wants root); FAULTS="--seed N …" runs one schedule again; timelines in target/faults
	$(CARGO) test -p rollcall-tests --test faults -- --nocapture $(FAULTS)

test-api: ## the API from outside: the examples of its guide, and thousands of requests made up from docs/openapi.json
	scripts/needs rabbitmq-server curl jq python3-venv
	scripts/schemathesis >/dev/null
	$(CARGO) build -p rollcall-zone-controller -p rollcall-group-controller -p rollcall-checkin -p rollcall-node-agent
	ROLLCALL_E2E_BUILT=1 $(CARGO) test -p rollcall-tests --test api

test-packages: ## the Debian packages, installed into a Debian 13 of their own (wants root)
	$(CARGO) build --workspace --bins
	tests/packages/run

packages: ## Debian packages of the daemons and the command, in target/packages
	scripts/packages

test-compose: ## the cluster of docker-compose.yml, for real, under a Docker daemon of its own (wants root)
	@tests/compose/roots >/dev/null & \
	$(CARGO) build -p rollcall-cli -p rollcall-zone-controller -p rollcall-group-controller -p rollcall-checkin -p rollcall-node-agent; wait
	tests/compose/run

fuzz: ## a minute of mutated bytes for every decoder that meets strangers; corpora in tests/corpus
	ROLLCALL_FUZZ_SECONDS=$${ROLLCALL_FUZZ_SECONDS:-60} $(CARGO) test --release -p rollcall-tests --test fuzz

# PREVIOUS=v0.4.0 takes another version than the one tests/tests/upgrades/previous names.
PREVIOUS ?=
upgrades: needs ## a zone of the previous version upgraded under load to this one, and back again; builds both
	scripts/previous $(PREVIOUS)
	$(CARGO) test -p rollcall-tests --test upgrades

soak: ## 100,000 simulated histories of a zone; goes on where it was stopped; SOAK="--minutes 30", "--from 5000 --seeds 100", "--threads 8"
	$(CARGO) build --release -p rollcall-tests --example soak
	@mkdir -p target/soak
	target/release/examples/soak --state target/soak/next $(SOAK)

verify: ## formatting and lints; never writes
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

deny: ## licences, sources and duplicate crates, by cargo-deny (installed under target/tools)
	@test -x target/tools/bin/cargo-deny || $(CARGO) install --quiet --locked --root target/tools cargo-deny
	target/tools/bin/cargo-deny --offline --all-features check licenses bans sources

fix: ## format, and apply what the lints can apply by themselves
	$(CARGO) fmt --all
	$(CARGO) clippy --workspace --all-targets --fix --allow-dirty --allow-staged

bench: ## the short set of benchmarks, each beside its peer, within 10 minutes after building; writes bench/results
	scripts/bench short

bench-long: ## the other benchmarks, at full length: most of an hour
	scripts/bench long

bench-compare: ## whether the figures in bench/results got worse than the committed ones; THAN=REVISION, PERCENT=20
	$(CARGO) build --release -p rollcall-bench --bin compare
	git show $(or $(THAN),HEAD):bench/results/latest.json >target/release/figures-before.json
	target/release/compare target/release/figures-before.json bench/results/latest.json $(PERCENT)
