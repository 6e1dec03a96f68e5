# infuse: build, test, demo, bench, release. Needs Go and make; nothing else.

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Functions begin at 16 bytes, as on arm64 and as every compiler lays them out;
# Go's 32 on amd64 cost 0.1 MB of padding.
LDFLAGS   := -s -w -buildid= -funcalign=16 -X main.version=$(VERSION)
# Infisical speaks HTTP/1.1; leaving HTTP/2 out saves 0.6 MB.
TAGS      := nethttpomithttp2
# Only what runs often is worth inlining: without the rest the binary is 0.9 MB
# smaller, the parent that waits holds 0.7 MiB less, and a start takes as long.
HOT       := runtime/... internal/... crypto/internal/... encoding/asn1 encoding/json bytes slices strconv strings sync/... unicode/utf8 \
             infuse/fetch infuse/fetch/api infuse/fetch/secret infuse/runner/...
INLINE    := -gcflags=all=-l $(foreach pkg,$(HOT),-gcflags=$(pkg)=)
# What `make slim` leaves out, for an image that needs none of it: AWS, GCP and
# Azure identities, the system's keyring, `infuse dev`. Who asks for one of them
# hears that it is not in this build.
SLIMTAGS  := noidentities nokeyring nodev
GOBUILD   := go build -trimpath -buildvcs=false $(INLINE) -ldflags '$(LDFLAGS)' -tags
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
# The race detector needs a C compiler; without one the tests run without it.
RACE      := $(shell command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 && echo -race)
TESTFLAGS ?=

.DEFAULT_GOAL := build
include release.mk

.PHONY: build slim test check demo bench fuzz clean

build: ## bin/infuse, static and stripped
	CGO_ENABLED=0 $(GOBUILD) '$(TAGS)' -o bin/infuse .

slim: ## bin/infuse-slim: 9.9 MB instead of 10.9, without what SLIMTAGS names
	CGO_ENABLED=0 $(GOBUILD) '$(TAGS) $(SLIMTAGS)' -o bin/infuse-slim .

test: check ## everything: format, vet, staticcheck, other platforms, tests with the race detector
	go test $(RACE) -timeout 30m $(TESTFLAGS) ./...
	go test -tags '$(SLIMTAGS)' ./creds/...

check:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go vet -tags '$(SLIMTAGS)' ./...
	GOOS=darwin GOARCH=arm64 go vet ./...
	GOOS=windows go vet ./...
	go run $(STATICCHECK) ./...

demo: build ## the main job, on the store in testdata/demo: no account, no network
	./bin/infuse run --url file:testdata/demo -e dev -- sh -c 'echo "$$GREETING from $$DATABASE_URL"'

bench: build ## the figures of the README, as tables; RUNS=21 WAIT=10m PEER="infisical run --" BENCH=start|copy|counts|wait|change|work
	BENCH=1 go test -run '^TestBench$$/$(BENCH)' -benchtime 300ms -count=1 -timeout 60m -v . | grep -v '^ *---\|^===\|^PASS\|^ok'

fuzz: ## every fuzz target for a minute
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime 60s $$pkg || exit 1; \
	  done; \
	done

clean:
	rm -rf bin dist
