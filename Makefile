# The commands of a contributor. CONTRIBUTING.md tells what they need.
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help run test long lint generate bench browser ci

help: ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

run: ## start a sandbox at http://127.0.0.1:8080
	go run .

test: ## run all tests; random ones are short
	go test ./...

long: ## run all tests; random ones are long
	LONG=1 go test ./...

lint: ## check format, vet and golangci-lint
	@files=$$(git ls-files -co --exclude-standard -- '*.go' | xargs gofmt -l); [ -z "$$files" ] || { echo "run gofmt -w on: $$files"; exit 1; }
	go vet ./...
	go run $(LINT) run ./...

generate: ## write graph/generated.go again, after schema.graphqls or gqlgen.yml changed
	go tool gqlgen generate

bench: ## measure charges against pgbench; needs PostgreSQL
	go run ./bench charge

browser: ## run the playground and the storefront in Chromium; needs Node
	cd graph/audit && npm ci --ignore-scripts
	REQUIRE_NODE=1 REQUIRE_BROWSER=1 go test -count=1 -run Browser ./internal/e2e

ci: ## run everything that must hold before a change is merged
	.ci/run
