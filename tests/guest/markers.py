# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Markers of a device of ours that wants them, seen by a peer on a plain socket.

	markers.py ADDRESS PORT TEST	(PYTHONPATH: tests/wire)

Our side is rping's server. Status 1 after "why: ...". [MPA-4.2-02, -04,
MPA-4.3-12, -14, MPA-7.1.1-05, -06, MPA-8-03, D-10]
"""

import struct
import sys
import time

import peer
from peer import M, REQ, Peer

WRITE, READ_RESP = 0, 2


class Marked(Peer):
    """Puts markers into what it sends; octet by octet, from RFC 5044."""

    sent = 0

    def marker(self, since, flip=0):
        """The one that is due here. since: octets from the ULPDU_Length."""
        if self.sent % 512:
            return b''
        self.sent += 4
        return struct.pack('>I', since ^ flip)

    def send_marked(self, ulpdu, flip=0):
        """flip: is XORed to every marker of the FPDU."""
        out = self.marker(0, flip)
        start = self.sent
        for octet in peer.fpdu(ulpdu, crc=False):
            if self.sent > start:
                out += self.marker(self.sent - start, flip)
            out += bytes([octet])
            self.sent += 1
        self.send(out)


def need(what, why):
    if not what:
        print('why:', why)
        sys.exit(1)


def start(addr, port):
    p = Marked.connect(addr, port)
    p.send(peer.mpa(REQ, 0, 1))
    _, flags, _, _ = p.recv_startup()
    need(flags & M, 'the Reply does not ask for markers')
    p.send_marked(peer.tagged(WRITE, 1, 0))
    return p


def many(p, flip=0):
    """Writes of nothing, until there was a marker inside of one."""
    end = p.sent + 512
    while p.sent < end:
        p.send_marked(peer.tagged(WRITE, 1, 0), flip)


def alive(p, msn):
    """A Read of nothing is answered."""
    p.send_marked(peer.read_request(msn, 0, 1, 0, 1, 0))
    seg = p.recv_segment()
    need(seg.tagged and seg.op == READ_RESP, f'no answer: {seg.ulpdu.hex()}')


def accepted(addr, port):
    """Right ones, and bits that mean nothing."""
    p = start(addr, port)
    for _ in range(20):
        many(p)
    many(p, 0xffff0003)
    alive(p, 1)


def refused(addr, port):
    """A wrong pointer: Terminate, MPA, marker and length disagree."""
    p = start(addr, port)
    many(p)
    many(p, 0x40)
    why = p.recv_segment().terminate()[:3]
    need(why == (2, 0, 3), f'Terminate with {why}')


def early(addr, port):
    """A marker between two FPDUs comes alone, long before what follows."""
    p = start(addr, port)
    for msn in 1, 2, 3, 4:
        alive(p, msn)
    while p.sent < 512:
        p.send_marked(peer.tagged(WRITE, 1, 0))
    need(p.sent == 512, 'the test cannot count')
    p.send(p.marker(0))
    time.sleep(0.3)
    alive(p, 5)


globals()[sys.argv[3]](sys.argv[1], int(sys.argv[2]))
