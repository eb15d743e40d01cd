# Torii. `make run` on a fresh Debian or Ubuntu machine with Swift 6.3 is enough to have a server to ask;
# `make test` runs everything that proves the product.

SWIFT  ?= swift
PREFIX ?= /usr/local
CONFIG ?= conf/torii.yaml
BUILD  ?= .build

.PHONY: help run build release check test test-fast lab bench bench-nts bench-shared image fuzz lint format install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, build, serve 127.0.0.1 and ::1 port 5300 in the foreground
	@scripts/install-dependencies.sh build
	@$(MAKE) --no-print-directory release
	@scripts/run.sh "$(CONFIG)"

build: ## debug build of everything
	@scripts/install-dependencies.sh build
	$(SWIFT) build --scratch-path $(BUILD)

release: ## optimised build of everything, the Swift runtime linked in
	$(SWIFT) build --scratch-path $(BUILD) -c release --static-swift-stdlib

check: release ## validate the example configuration and its zones
	$(BUILD)/release/toriid --config $(CONFIG) --check

test: ## everything that proves the product (installs the peers the tests talk to)
	@scripts/install-dependencies.sh test
	@SWIFT="$(SWIFT)" BUILD="$(BUILD)" scripts/test.sh all

test-fast: ## only the tests that start no program
	@SWIFT="$(SWIFT)" BUILD="$(BUILD)" scripts/test.sh fast

lab: ## the NAT-traversal story in network namespaces (root)
	@scripts/install-dependencies.sh lab
	@$(MAKE) --no-print-directory release
	@TORII_BIN="$(CURDIR)/$(BUILD)/release" scripts/lab.sh

bench: ## CPU per query beside the installed peers
	@scripts/install-dependencies.sh bench
	@$(MAKE) --no-print-directory release
	@TORII_BIN="$(CURDIR)/$(BUILD)/release" Benchmarks/bench

image: release ## try the steps of the Dockerfile in a debootstrap root (root)
	@scripts/image.sh "$(BUILD)/release"

bench-nts: ## what the negotiation costs, both ends, and beside other ways in (root)
	@scripts/install-dependencies.sh bench
	@$(MAKE) --no-print-directory release
	@set -e; for b in nts router-kernel.sh nts-holds nts-paths; do \
	    echo "== $$b"; TORII_BIN="$(CURDIR)/$(BUILD)/release" Benchmarks/$$b; done

bench-shared: ## the larger bench that may stand beside the checkout in ../shared (root)
	@$(MAKE) --no-print-directory release
	@TORIID="$(CURDIR)/$(BUILD)/release/toriid" ../shared/bench/bench auth-udp --servers nsd,knotd,toriid --ref nsd

fuzz: ## hostile bytes for every parser (libFuzzer with AddressSanitizer)
	@scripts/install-dependencies.sh build
	@Tests/Fuzz/run.sh

lint: ## the formatter in lint mode, and shellcheck where it is installed
	$(SWIFT) format lint --strict --parallel --recursive Sources Tests Package.swift
	@if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh .ci/run; fi

format: ## format all Swift files in place
	$(SWIFT) format --in-place --parallel --recursive Sources Tests Package.swift

install: ## programs, example configuration and systemd units below DESTDIR and PREFIX
	@scripts/install.sh "$(DESTDIR)" "$(PREFIX)" "$(BUILD)/release"

clean:
	rm -rf $(BUILD)
