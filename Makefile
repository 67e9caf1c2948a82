# Everything a developer does, by name. `make` alone lists it.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

BIN     := $(CURDIR)/bin
LINT    := $(BIN)/tools/golangci-lint
FLOWS   := $(BIN)/tools/workflowcheck
TOOLS   := $(BIN)/tools/.built
AXE     := $(BIN)/tools/axe.min.js
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X github.com/paysaga/paysaga/cmd.Version=$(VERSION)

# One package after the other: tests that start servers want both cores. Answers from real servers are never cached.
GOTEST := go test -p 1 -count=1 -timeout 20m

# Tests and `paysaga up` run these two as child processes.
export PAYSAGA_BIN      := $(BIN)/paysaga
export PAYSAGA_DEVSTACK := $(BIN)/devstack

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | awk -F':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

.PHONY: up
up: build devstack ## start everything and walk each saga once; Ctrl-C stops. DEMO=0 skips the walk, SHOP=1 opens the shop beside it
	@if [ -n "$(SHOP)" ]; then go run ./examples/shop & fi; PAYSAGA_ENV=dev DEMO=$(DEMO) exec $(PAYSAGA_BIN) up

.PHONY: shop
shop: ## the example shop, beside a running `make up`: http://127.0.0.1:8091
	@go run ./examples/shop

.PHONY: build
build: ## bin/paysaga
	@go build -ldflags '$(LDFLAGS)' -o $(PAYSAGA_BIN) .

.PHONY: devstack
devstack: ## bin/devstack: the Temporal server for development and tests (first time: minutes)
	@tools/build-devstack.sh $(PAYSAGA_DEVSTACK)

.PHONY: test
test: needs axe devstack build lint ## everything: lint, import rule, unit, replay, real Postgres, end to end on real Temporal
	@echo "== tests"
	@$(GOTEST) ./...
	@echo "== tests of devstack"
	@cd devstack && $(GOTEST) ./...

.PHONY: lint
lint: $(TOOLS) ## format, mistakes, the import rule, determinism of workflows
	@echo "== lint"
	@$(LINT) run ./...
	@$(FLOWS) ./workflows/...
	@cd devstack && $(LINT) run --enable-only errcheck,errorlint,ineffassign,unused,nolintlint ./... && go vet ./...

.PHONY: replay
replay: ## recorded histories through today's code; SINCE=24h takes those of the running server instead
ifdef SINCE
	@$(MAKE) build
	@$(PAYSAGA_BIN) replay --since $(SINCE)
else
	@$(GOTEST) -run Replay ./workflows/...
endif

.PHONY: record
record: needs devstack build ## renew workflows/testdata/histories from a real server; ONLY=transfer- those whose names begin so
	@go run ./record -only '$(ONLY)'

.PHONY: bench
bench: needs devstack build ## speed beside bare Temporal, as a table of ratios; BENCH=-quick for shorter rounds
	@go run ./bench $(BENCH)

.PHONY: check
check: $(TOOLS) ## before a commit: generate, tidy, format, lint; fails if that changed anything
	@go generate ./...
	@go mod tidy && (cd devstack && go mod tidy) && (cd tools && go mod tidy)
	@$(LINT) fmt ./... && (cd devstack && $(LINT) fmt ./...)
	@$(MAKE) lint
	@if [ -n "$$(git status --porcelain)" ]; then git status --short; echo "check: these differ from the last commit"; exit 1; fi

.PHONY: needs
needs: # what tests need from the machine
	@tools/needs.sh

.PHONY: axe
axe: # what the tests of the payer's pages find barriers with
	@tools/axe.sh $(AXE)

.PHONY: clean
clean: ## remove what was built; .paysaga/ (your data) stays
	rm -rf $(BIN)

$(TOOLS): tools/go.mod tools/go.sum
	@echo "building the linters (once, a minute)"
	@cd tools && go build -o $(BIN)/tools/ tool
	@touch $@
