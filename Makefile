# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The way in: everything there is to do has a target here; the work is done by
# the scripts they call. Kbuild (the module) and CMakeLists.txt (user space)
# are used through these.

KDIR ?= /lib/modules/$(shell uname -r)/build

help:
	@echo 'make module [KDIR=]   build siw.ko for a kernel'
	@echo 'make user             build what runs in user space'
	@echo 'make demo             rping and perftest: without a module, and in two guests'
	@echo 'make bench            the kernel-less mode against plain TCP'
	@echo 'make check            all tests (also ./check)'
	@echo 'make check-all        and those that take longer'
	@echo 'make fuzz             fuzzing for hours (SIW_FUZZ_SECONDS for each target)'
	@echo 'make soak             the kernel-less mode for half an hour (SIW_SOAK_SECONDS)'
	@echo 'make vm-shell         a shell in a guest with siw.ko loaded'
	@echo 'make conformance      the RFCs, requirement by requirement; writes docs/conformance.md'
	@echo 'make lint             static analysis, checkpatch, house rules'
	@echo 'make install          install siw.ko (modules_install, depmod)'
	@echo 'make clean'

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

install:
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_DIR=updates modules_install
	depmod

user:
	cmake --preset release
	cmake --build --preset release

demo:
	./demo

bench: user
	tools/need @bench
	tests/bench/run

check:
	./check

check-all:
	./check --all

fuzz:
	SIW_FUZZ_SEED=0 SIW_FUZZ_SECONDS=$${SIW_FUZZ_SECONDS:-7200} ci/fuzz

soak:
	ci/soak

lint:
	ci/lint

conformance:
	tests/conformance/make

vm-shell:
	tests/vm/shell

clean:
	if [ -d $(KDIR) ]; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi
	rm -rf build*

.PHONY: help module install user demo bench check check-all conformance \
	fuzz soak lint vm-shell clean
