# SPDX-License-Identifier: ISC
# What others are given: make static, install, dist, release, deb, images. tests/package tests it.

# ---- the static binary ----

# One static, stripped binary, small enough to be copied into any image: with musl where it is
# installed. What is not on the way of every line is made small rather than fast.
STATIC_CC := $(shell command -v musl-gcc || echo $(CC))
STATIC_CFLAGS = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -ffunction-sections \
	-fdata-sections -fno-asynchronous-unwind-tables
# musl-gcc does not know -static-pie: what it links with that asks for musl's dynamic linker.
MUSL_DIR := $(shell musl-gcc -v 2>&1 | sed -n 's|^Reading specs from \(.*\)/musl-gcc.specs$$|\1|p')
MUSL_LINK = -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text \
	$(addprefix $(MUSL_DIR)/,rcrt1.o crti.o crtn.o)
STATIC_PIE = $(if $(MUSL_DIR),$(MUSL_LINK),-static-pie)
# (The map says from where the linker took what: see packaging/sbom.)
STATIC_LDFLAGS = $(STATIC_PIE) -s -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack -Wl,-Map=$@.map

static: dinit-static

# (A make of its own, for other flags. The file is not touched where nothing changed: somebody may
# be running it.)
dinit-static:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/static CC='$(STATIC_CC)' COLD_CFLAGS=-Os \
		CFLAGS='$(STATIC_CFLAGS)' LDFLAGS='$$(STATIC_LDFLAGS)' $(BUILD)/static/dinit
	@cmp -s $(BUILD)/static/dinit $@ || cp -f $(BUILD)/static/dinit $@

.PHONY: static dinit-static

# ---- what packagers call ----

PREFIX = /usr/local
DOCDIR = $(PREFIX)/share/doc/dinit
DESTDIR =

install: dinit
	install -D -m 755 dinit $(DESTDIR)$(PREFIX)/sbin/dinit
	install -D -m 644 dinit.8 $(DESTDIR)$(PREFIX)/share/man/man8/dinit.8
	install -d -m 755 $(DESTDIR)$(DOCDIR)
	install -m 644 README NEWS COPYING docs/migrating $(DESTDIR)$(DOCDIR)
	rm -rf $(DESTDIR)$(DOCDIR)/examples
	cp -R test-services $(DESTDIR)$(DOCDIR)/examples
	chmod -R u=rwX,go=rX $(DESTDIR)$(DOCDIR)/examples

# The committed sources; the same commit gives the same bytes.
dist:
	@mkdir -p $(BUILD)
	git -c tar.umask=0022 archive --format=tar --prefix=dinit-$(VERSION)/ \
		-o $(BUILD)/dinit-$(VERSION).tar HEAD
	gzip -n -9 -f $(BUILD)/dinit-$(VERSION).tar
	cd $(BUILD) && sha256sum dinit-$(VERSION).tar.gz

# Static binaries for others, by Docker's names of the processors (TARGETARCH), of what they are made
# (an SBOM), and the checksums of all; the same sources and tools give the same bytes.
# Where Debian has no musl for a processor its glibc serves (and there is no start file for a static
# PIE on riscv64 and 32-bit arm). That for arm is Debian's armel: it runs on every arm that Docker
# has, v5, v6 and v7.
RELEASE = $(BUILD)/release
RELEASE_PACKAGES = musl-tools gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabi \
	libc6-dev-armel-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
RELEASE_FOREIGN = arm64 arm riscv64
# (32 bits of seconds end in 2038.)
ARM_CC = arm-linux-gnueabi-gcc -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
release_arm64 = CC=aarch64-linux-gnu-gcc STATIC_PIE=-static-pie
release_arm = CC='$(ARM_CC)' STATIC_PIE=-static
release_riscv64 = CC=riscv64-linux-gnu-gcc STATIC_PIE=-static
RELEASE_MAPS = dinit-linux-amd64=$(BUILD)/static/dinit.map \
	$(foreach p,$(RELEASE_FOREIGN),dinit-linux-$p=$(BUILD)/static-$p/dinit.map)

release:
	@case $$($(CC) -dumpmachine) in x86_64-*) ;; \
		*) echo "releases are made on x86-64" >&2; exit 1 ;; esac
	@tests/setup $(RELEASE_PACKAGES)
	@$(MAKE) --no-print-directory release-built

# (A make of its own, for it is at its start that the Makefile looks for musl.)
release-built: static $(RELEASE_FOREIGN:%=static-%)
	rm -rf $(RELEASE) && mkdir -p $(RELEASE)
	cp dinit-static $(RELEASE)/dinit-linux-amd64
	for processor in $(RELEASE_FOREIGN); do \
		cp $(BUILD)/static-$$processor/dinit $(RELEASE)/dinit-linux-$$processor || exit 1; \
	done
	packaging/sbom $(VERSION) $(RELEASE) $(RELEASE_MAPS) > $(RELEASE)/dinit.spdx.json
	cd $(RELEASE) && sha256sum * > SHA256SUMS && cat SHA256SUMS

$(RELEASE_FOREIGN:%=static-%): static-%:
	$(MAKE) BUILD=$(BUILD)/$@ $(release_$*) CFLAGS='$(STATIC_CFLAGS)' \
		LDFLAGS='$$(STATIC_LDFLAGS)' COLD_CFLAGS=-Os $(BUILD)/$@/dinit

# A Debian package, of the committed sources, in build/deb.
DEB = $(BUILD)/deb
DEB_PACKAGES = dpkg-dev debhelper libcmocka-dev

deb: dist
	@tests/setup $(DEB_PACKAGES)
	rm -rf $(DEB)
	mkdir -p $(DEB)/dinit-container-$(VERSION)
	tar -xzf $(BUILD)/dinit-$(VERSION).tar.gz -C $(DEB)/dinit-container-$(VERSION) \
		--strip-components=1
	cd $(DEB)/dinit-container-$(VERSION) && \
		env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u TEST_RESULTS \
		dpkg-buildpackage -us -uc > ../build.log 2>&1 || { cat ../build.log; exit 1; }
	@ls $(DEB)/*.deb
	@! grep -q '^Maintainer: .*@packages\.example\.org>' debian/control || \
		echo "debian/control names no maintainer yet: see packaging/README"

# Images as files for `docker load`.
images: dinit-static
	@images/build $(BUILD)/images

.PHONY: install dist release release-built $(RELEASE_FOREIGN:%=static-%) deb images
