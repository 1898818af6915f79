# watchpost: two commands do all set-up: `make run` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help

export CGO_ENABLED = 0
# The toolchain on the machine is used as it is; nothing is fetched behind your back.
export GOTOOLCHAIN ?= local

GO        ?= go
LDFLAGS   := -s -w
BUILD     := $(GO) build -trimpath -ldflags='$(LDFLAGS)'
BIN       ?= bin
FUZZTIME  ?= 10s

# A program for a gateway (GOARCH given) is slim: without HTTP/2, which neither
# page nor links speak, and with functions inlined only where readings, records
# and keys pass often. That takes 1.9 MB off 13.8 for ARM. COLD is what the patterns
# before it take in but is called once a start, a connection or a bus transfer.
INLINED   := runtime/... internal/... sync/... hash/... compress/... encoding/binary \
             slices strconv bytes strings crypto/internal/... crypto/subtle crypto/sha256 crypto/hmac \
             go.etcd.io/... $(addprefix watchpost/,drivers/... buffer \
             agent/alarm agent/clock agent/record agent/sense)
COLD      := $(addprefix crypto/internal/fips140/,drbg ecdh ecdsa rsa tls12 tls13) \
             watchpost/drivers/all watchpost/drivers/board
SLIM      := -tags=nethttpomithttp2 -gcflags=all=-l $(foreach p,$(INLINED),-gcflags=$(p)=) \
             $(foreach p,$(COLD),-gcflags=$(p)=-l)

# What is released: the programs' platforms, and the Debian name of those that get a
# package. armhf gets the program for ARMv6, which runs on every board that Debian
# or Raspberry Pi OS call so.
PLATFORMS := arm64 armv7 armv6 amd64
DESKS     := arm64 amd64
PACKAGES  := arm64:arm64 armv6:armhf amd64:amd64
DIST      ?= dist
VERSION   ?= $(shell sed -n 's/^const release = "\(.*\)"/\1/p' agent/version.go)
# The time in packages is that of the revision, so that two builds are the same.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
# The newest whose modules can all be had: from v2.46 on some are on no proxy.
NFPM      := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
ERRCHECK    := github.com/kisielk/errcheck@v1.30.0
ERRORLINT   := github.com/polyfloyd/go-errorlint@v1.8.0

.PHONY: help
help: ## show this help
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

.PHONY: go-version
go-version:
	@want=$$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod); \
	have=$$($(GO) env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9]*\.[0-9]*\).*/\1/p'); \
	if [ -z "$$have" ] || [ "$$(printf '%s\n' "$$want" "$$have" | sort -V | head -n 1)" != "$$want" ]; then \
	  echo "需要 Go $$want 或更新版本，当前：$${have:-未安装}。watchpost needs Go $$want or newer, found: $${have:-none}. https://go.dev/dl/" >&2; exit 1; fi

.PHONY: build
build: watchpost watchpost-desk ## build both programs into bin/, for this machine or GOARCH

.PHONY: watchpost
watchpost: go-version
	$(BUILD) $(VCS) $(if $(GOARCH),$(SLIM)) -o $(BIN)/watchpost ./agent

.PHONY: watchpost-desk
watchpost-desk: go-version
	$(BUILD) $(VCS) -o $(BIN)/watchpost-desk ./agent/desk

.PHONY: run
run: build ## show the whole job on a simulated board: page, broker, terminal (Ctrl-C ends it)
	@./bin/watchpost-desk demo $(ARGS)

.PHONY: test
test: go-version ## run the tests (needs only Go and make)
	$(GO) test ./...

.PHONY: race
race: go-version ## run the tests under the race detector (needs gcc)
	CGO_ENABLED=1 $(GO) test -race ./...

.PHONY: test-broker
test-broker: go-version ## outage test against a real Mosquitto: broker down 20 s, agent killed twice
	$(GO) test -tags broker -count=1 -v -timeout 10m ./cross/outage/...

.PHONY: test-broker-long
test-broker-long: go-version ## the same five times, kills at other moments; figures go to docs/measured
	@mkdir -p docs/measured
	WATCHPOST_OUTAGE_ROUNDS=5 WATCHPOST_MEASURED=$(CURDIR)/docs/measured/outage.json \
	  WATCHPOST_MEASURED_LATENCY=$(CURDIR)/docs/measured/alarm-latency.json \
	  $(GO) test -tags broker -count=1 -v -timeout 60m ./cross/outage/...

.PHONY: test-demo
test-demo: build ## start the demo, wait for its first reading, end it with Ctrl-C
	$(GO) test -tags demo -count=1 -v -timeout 5m ./cross/demo/...

.PHONY: test-page
test-page: build ## the page in a real Chromium, phone and desktop, zh and en
	cd cross/browser && $(GO) test -count=1 -v -timeout 10m ./...

.PHONY: pictures
pictures: build ## renew the screenshots under docs/pictures (needs Chromium)
	cd cross/browser && WATCHPOST_PICTURES=$(CURDIR)/docs/pictures $(GO) test -count=1 -v -timeout 10m ./...

# Go before 1.27 ends a timed run now and then with this line and nothing found
# (go.dev/issue/75804). What was found is always written down.
OVERDUE := ^    context deadline exceeded$$

.PHONY: fuzz
fuzz: go-version ## run each fuzz target for FUZZTIME (default 10s)
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$dir/*_test.go | sed 's/^func //' | sort -u); do \
	    echo "== $$dir $$target"; \
	    said=$$($(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir 2>&1) || failed=yes; \
	    if [ "$${failed:-}" != yes ]; then echo "$$said"; \
	    elif grep -q 'Failing input written' <<<"$$said" || ! grep -q '$(OVERDUE)' <<<"$$said"; then echo "$$said"; exit 1; \
	    else grep '^fuzz:' <<<"$$said"; echo "the time was over: nothing was found"; failed=; fi; done; done

.PHONY: cost
cost: go-version ## print time and allocations of one reading, for each driver
	@$(GO) test -run '^$$' -bench 'BenchmarkReading|BenchmarkObservation' -benchtime 200x ./drivers/... ./agent/sense | grep -E '^(pkg|Benchmark|FAIL|panic)'

.PHONY: check
check: go-version ## gofmt, vet, staticcheck, errcheck, errorlint, go mod tidy
	@unformatted=$$(gofmt -l agent buffer configs cross drivers); \
	if [ -n "$$unformatted" ]; then echo "not gofmt'd: $$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags broker,demo,crossbuild,debian,live,qemu,long ./cross/...
	$(GO) mod tidy -diff
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(ERRCHECK) -ignoretests -exclude cross/errcheck.txt ./...
	$(GO) run $(ERRORLINT) ./...

# What is released names its revision, whatever GOFLAGS says: the revision's time is
# the earliest that the agent believes a clock.
REVISION := $(if $(wildcard .git),-buildvcs=true,-buildvcs=false)

# platform turns armv7 into what the go tool wants.
platform = GOOS=linux GOARCH=$(patsubst armv%,arm,$(1)) $(patsubst armv%,GOARM=%,$(filter armv%,$(1)))

# release PROGRAM,PLATFORM builds one program into its place.
define release
	@$(MAKE) --no-print-directory --silent $(1) BIN=$(DIST)/build VCS=$(REVISION) $(call platform,$(2))
	@mv $(DIST)/build/$(1) $(DIST)/$(1)-$(VERSION)-linux-$(2)

endef

# package PLATFORM:ARCHITECTURE makes one package.
define package
	@PROGRAM=$(DIST)/watchpost-$(VERSION)-linux-$(firstword $(subst :, ,$(1))) ARCH=$(lastword $(subst :, ,$(1))) \
	  VERSION=$(VERSION) NOTICES=$(DIST)/THIRD_PARTY_NOTICES \
	  $(GO) run $(NFPM) package --config cross/package/nfpm.yaml --packager deb \
	  --target $(DIST)/watchpost_$(VERSION)_$(lastword $(subst :, ,$(1))).deb >/dev/null

endef

.PHONY: dist
dist: go-version ## all that is released, into dist/: programs, packages, notices, checksums
	@rm -rf $(DIST) && mkdir -p $(DIST)
	$(foreach p,$(PLATFORMS),$(call release,watchpost,$(p)))
	$(foreach p,$(DESKS),$(call release,watchpost-desk,$(p)))
	@rm -rf $(DIST)/build
	@$(GO) run ./cross/notices -out $(DIST)/THIRD_PARTY_NOTICES $(DIST)/watchpost-*
	$(foreach p,$(PACKAGES),$(call package,$(p)))
	@cd $(DIST) && sha256sum watchpost* THIRD_PARTY_NOTICES >SHA256SUMS
	@cd $(DIST) && wc -c watchpost* THIRD_PARTY_NOTICES

.PHONY: cross
cross: dist ## build dist/ and test it: static, small, reproducible, every licence named
	$(GO) test -tags crossbuild -count=1 -v -timeout 20m ./cross/build/...

.PHONY: test-deb
test-deb: go-version ## the Debian package in a chroot: installed, upgraded, removed, purged (needs root, mmdebstrap)
	$(GO) test -tags debian -count=1 -v -timeout 20m ./cross/package/...

.PHONY: test-deb-long
test-deb-long: go-version ## the same, then on a virtual machine under a live systemd; figures go to docs/measured (needs qemu-system-x86)
	@mkdir -p docs/measured
	WATCHPOST_MEASURED=$(CURDIR)/docs/measured/package.json \
	  $(GO) test -tags debian,live -count=1 -v -timeout 60m ./cross/package/...

# What test-arm runs on each platform: all that counts in bits, bytes and clocks.
# Left out is what starts itself as a second process, which qemu-user cannot, and
# what must keep to a real serial line's time.
ARM_TESTED  := ./drivers/... ./agent/record/... ./buffer/...
ARM_SKIPPED := TestKilledProcessLosesNoAlarm|TestPseudoTerminal

.PHONY: test-arm
test-arm: go-version ## tests of drivers, record and buffer, and the program itself, as ARM programs (needs qemu-user)
	@set -e; for p in "arm64 7 aarch64" "arm 7 arm"; do set -- $$p; echo "== $$1"; \
	  GOARCH=$$1 GOARM=$$2 $(GO) test -exec "$$(command -v qemu-$$3-static || command -v qemu-$$3)" -timeout 20m -skip '$(ARM_SKIPPED)' $(ARM_TESTED); done
	$(GO) test -tags qemu -count=1 -v ./cross/build/...

# The long form adds what of the agent needs no second process and no network's
# time, and draws ten times as many cases of each property.
ARM_LONG_TESTED := $(ARM_TESTED) ./configs ./agent/alarm ./agent/budget ./agent/clock ./agent/health ./agent/history \
                   ./agent/message ./agent/sense ./agent/watchdog
ARM_COUNT       ?= 5

.PHONY: test-arm-long
test-arm-long: go-version ## more packages, each test ARM_COUNT (5) times, properties tenfold; figures go to docs/measured
	@mkdir -p docs/measured
	ARM_TESTED='$(ARM_LONG_TESTED)' ARM_SKIPPED='$(ARM_SKIPPED)' ARM_COUNT=$(ARM_COUNT) WATCHPOST_MEASURED=$(CURDIR)/docs/measured/arm.json \
	  $(GO) test -tags qemu,long -count=1 -v -timeout 120m ./cross/build/...

.PHONY: test-386
test-386: go-version ## run the tests as a 32-bit program
	GOARCH=386 $(GO) test ./drivers/... ./buffer/... ./configs/... ./agent/clock/... ./agent/record/... ./agent/message/... ./agent/sense/... ./agent/budget/...

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
