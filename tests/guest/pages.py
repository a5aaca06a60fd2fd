#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""A file in which every page says where it belongs.

	pages.py write FILE MIB SEED
	pages.py check FILE MIB SEED

Pages hold pseudo-random octets, the same again for the same SEED, and begin
with their number. `write` ends when the file is on stable storage. `check` says
which page is the first wrong one, and what it is instead; status 1.
"""

import os
import random
import sys

PAGE = 4096
MIB = 1 << 20


def contents(mib, seed):
    """The file, a MiB at a time."""
    chunk = bytearray(random.Random(seed).randbytes(MIB))
    for i in range(mib):
        first = i * (MIB // PAGE)
        for page in range(MIB // PAGE):
            at = page * PAGE
            chunk[at:at + 8] = (first + page).to_bytes(8, 'little')
        yield chunk


def write(name, mib, seed):
    """Make the file."""
    with open(name, 'wb', buffering=0) as f:
        for chunk in contents(mib, seed):
            done = 0
            while done < MIB:
                done += f.write(memoryview(chunk)[done:])
        os.fsync(f.fileno())


def what(page):
    """A wrong page, in words."""
    if len(page) < PAGE:
        return f'only {len(page)} octets'
    if not any(page):
        return 'zeros'
    return f'page {int.from_bytes(page[:8], "little")}, or other octets'


def check(name, mib, seed):
    """Compare all of it."""
    with open(name, 'rb', buffering=MIB) as f:
        for i, chunk in enumerate(contents(mib, seed)):
            got = f.read(MIB)
            if got == chunk:
                continue
            for at in range(0, MIB, PAGE):
                page = got[at:at + PAGE]
                if page != chunk[at:at + PAGE]:
                    sys.exit(f'{name}: page {(i * MIB + at) // PAGE}: '
                             f'{what(page)}')
        if f.read(1):
            sys.exit(f'{name}: too long')


if __name__ == '__main__':
    {'write': write, 'check': check}[sys.argv[1]](
        sys.argv[2], int(sys.argv[3]), sys.argv[4])
