# What can be done here. `make` alone lists it.

# Every command builds with the flags that the Lambdas ship with, so that
# nothing is compiled twice and tests see what is deployed. `sam build` reads
# them too: its Go builder takes flags from nowhere else.
export CGO_ENABLED := 0
export GOFLAGS := -tags=lambda.norpc -trimpath -ldflags=-s -buildvcs=false

MODULES := . infra/local infra/realclients

.PHONY: help
help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: deps ## run everything on this machine, without an AWS account (PORT=3000, STATE=dir keeps data)
	@go -C infra/local build -o ../../.build/safekeep-local ./cmd/safekeep-local
	@exec .build/safekeep-local

.PHONY: test
test: deps ## all tests, on the real engine and the real binaries
	@infra/local/prepare.sh test
	go run ./infra/dynamodblocal/with -- sh -c 'go test ./... && go -C infra/realclients test ./... && cd infra/local && go test -parallel 8 ./...'

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: deps ## every fuzz target in turn, FUZZTIME=20s each
	@go run ./infra/dynamodblocal/with -- infra/local/fuzz.sh $(FUZZTIME)

.PHONY: race
race: deps ## the tests of the rooms under the race detector (needs a C compiler)
	CGO_ENABLED=1 GOFLAGS= go run ./infra/dynamodblocal/with -- go test -race ./shared/...

.PHONY: lint
lint: .build/golangci-lint ## check style and templates
	@for module in $(MODULES); do (cd $$module && $(CURDIR)/.build/golangci-lint run ./...) || exit 1; done
	@if command -v cfn-lint >/dev/null; then cfn-lint template.yaml infra/data.yaml infra/mail.yaml infra/observability.yaml infra/examples/httpapi.yaml && echo "cfn-lint: clean"; \
	else echo "NOT CHECKED by cfn-lint, which is not installed (pip install cfn-lint==1.51.0); the Go tests in infra/ did check the templates"; fi

.build/golangci-lint: .ci/tools/go.mod .ci/tools/go.sum
	cd .ci/tools && go build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: build
build: ## build every function for this machine into .build/functions
	@mkdir -p .build/functions && go build -o .build/functions/ ./functions/...
	@ls -l .build/functions | awk 'NR > 1 {printf "  %-12s %5.2f MB\n", $$9, $$5 / 1e6}'

.PHONY: size
size: ## the size of every function's zip, as it is deployed
	@go -C infra/local run ./cmd/size

.PHONY: bench
bench: deps ## our overhead: each flow beside a bare program that makes only the calls it must
	@go run ./infra/dynamodblocal/with -- go -C infra/local run ./cmd/bench

.PHONY: bench-sweep
bench-sweep: deps ## a sweep of 100,000 and of 1,000,000 tokens beside its floor; takes about 15 minutes, so bench leaves it out
	@go run ./infra/dynamodblocal/with -- go -C infra/local run ./cmd/bench -sweep

OUT ?= .build/scanners
.PHONY: scanners
scanners: ## rules for secret scanners; PREFIX=abc makes those of your prefix, OUT=.build/scanners
	@go run ./infra/scanners/write $(if $(PREFIX),-prefix $(PREFIX) -out $(OUT))

.PHONY: deploy
deploy: ## build with SAM and deploy (STAGE=default or prod)
	sam build && sam deploy --guided --config-env $(or $(STAGE),default)

.PHONY: deps
deps: infra/local/node_modules/.package-lock.json infra/examples/tokenservice-node/node_modules/.package-lock.json infra/examples/connector-node/node_modules/.package-lock.json
	@infra/local/prepare.sh

%/node_modules/.package-lock.json: %/package-lock.json
	@infra/local/prepare.sh
	cd $* && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
