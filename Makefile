# What a person types. The work is in .ci/, so that it can be read and run without make.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run build test check bench dev fmt clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'The first build, test or check also installs tools: up to half an hour, once. .ci/tools says what.'

run: build ## Build for release and serve the demo on this machine only
	@exec ./target/release/latchkey demo

build: ## The release binary, target/release/latchkey, site inside (10 minutes, then 2)
	@.ci/build

test: ## Every test: units, both databases, HTTP, browser (10 minutes, then 3)
	@.ci/test

check: ## Formatting, lints, licences, types of the browser tests (5 minutes, then 1)
	@.ci/check

bench: build ## Latchkey measured beside what could stand in its place (an hour, the first time two)
	@.ci/bench

dev: ## The demo, rebuilt and reloaded as files change
	@.ci/tools build
	@source .ci/env && exec cargo leptos watch -- demo

fmt: ## Format the Rust code
	@source .ci/env && cargo fmt

clean: ## Remove what was built here; the tools outside stay
	@rm -rf target node_modules public/fonts
