# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""A peer on a plain socket that gives our side something to count.

	stats.py ADDRESS PORT TEST	(PYTHONPATH: tests/wire)

Our side is rping's server, without peer-to-peer.
"""

import struct
import sys

import peer
from peer import C, Closed, Peer


def started(p, flags):
    """Our side may send after a first good FPDU: a Write of nothing."""
    p.initiate(flags=flags)
    p.send_fpdu(peer.tagged(peer.WRITE, 1, 0))


def crc(p):
    """An FPDU with a wrong CRC: a Terminate of the MPA layer comes back."""
    started(p, C)
    p.send_fpdu(peer.untagged(peer.SEND, 1, bytes(16)), damage=1)
    return p.recv_end()


def stag(p):
    """A Write to memory that is not there: one of the DDP layer comes back."""
    started(p, 0)
    p.send_fpdu(peer.tagged(peer.WRITE, 0x12345678, 0, bytes(16)))
    return p.recv_end()


def terminate(p):
    """We terminate: layer RDMAP, type remote protection, invalid STag."""
    started(p, 0)
    p.send_fpdu(peer.untagged(peer.TERM, 1, struct.pack('>I', 0x01000000),
                              qn=2))
    return p.recv_end()


def refused(p):
    """CRC wanted, which our side was told not to have."""
    try:
        p.initiate(flags=C)
    except (ConnectionRefusedError, Closed):
        return
    sys.exit('accepted')


def main():
    p = Peer.connect(sys.argv[1], int(sys.argv[2]), 10)
    {f.__name__: f for f in (crc, stag, terminate, refused)}[sys.argv[3]](p)


main()
