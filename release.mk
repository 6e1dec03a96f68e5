# `make release`: dist/ with the binaries of every platform, their SBOMs, the
# manual, the completions and SHA256SUMS. The same commit, version and Go
# release give the same bytes, in any directory and on any machine.

PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
DIST      ?= dist

# Nothing of the builder's environment may reach a binary: not its GOFLAGS, not
# its GOAMD64, and no build id.
RELEASE_ENV   := env -u GOFLAGS -u GOOS -u GOARCH GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT= GOFIPS140=off CGO_ENABLED=0 GOWORK=off
RELEASE_BUILD := $(GOBUILD) '$(TAGS)'
RELEASE_TOOL  := $(RELEASE_ENV) go run ./testdata/release

.PHONY: release

release: ## every platform into dist/, with checksums and SBOMs
	rm -rf '$(DIST)'
	mkdir -p '$(DIST)'
	@set -e; for platform in $(PLATFORMS); do \
	  os=$${platform%/*} arch=$${platform#*/} suffix=; \
	  test $$os != windows || suffix=.exe; \
	  echo "building $$os/$$arch"; \
	  $(RELEASE_ENV) GOOS=$$os GOARCH=$$arch $(RELEASE_BUILD) -o '$(DIST)'/infuse-$$os-$$arch$$suffix .; \
	done
	$(RELEASE_TOOL) sbom '$(VERSION)' '$(DIST)'/infuse-*
	@host='$(DIST)'/infuse-$$(go env GOHOSTOS)-$$(go env GOHOSTARCH); \
	  if test -x $$host; then cp $$host '$(DIST)/.infuse'; else $(RELEASE_ENV) $(RELEASE_BUILD) -o '$(DIST)/.infuse' .; fi
	'$(DIST)/.infuse' man > '$(DIST)/infuse.1'
	'$(DIST)/.infuse' completion bash > '$(DIST)/infuse.bash'
	'$(DIST)/.infuse' completion zsh > '$(DIST)/_infuse'
	'$(DIST)/.infuse' completion fish > '$(DIST)/infuse.fish'
	rm '$(DIST)/.infuse'
	cp LICENSE CHANGELOG.md '$(DIST)'
	$(RELEASE_TOOL) sums '$(DIST)'
