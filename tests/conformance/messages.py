# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5040 section 5.5 and appendix B, RFC 5041 section 5: messages among each
other, and as large as they can be."""

import os
from random import Random

from mpa_fpdu import data
from suite import *

LARGEST = (1 << 32) - 1
PAYLOAD = 65516			# of a segment, so that MO stays a multiple of 4


def large_memory(dev, p):
    """4 GiB - 1 that are a few MiB again and again: (STag, address)"""
    if not os.environ.get('SIW_LARGE'):
        raise Skip('takes long: SIW_LARGE=1')
    got = dev.do('large', 0, p.n)
    if got.startswith('refused'):
        raise Skip(f'no memory of 4 GiB: {got}')
    return map(int, got.split())


class Stream:
    """Much of what comes, without looking at most of it."""

    def __init__(self, sock):
        self.sock, self.buf = sock, memoryview(bytearray(1 << 20))
        sock.settimeout(PATIENCE)

    def take(self, n):
        view = self.buf[:n]
        while view:
            got = self.sock.recv_into(view)
            need(got, 'the end')
            view = view[got:]
        return self.buf[:n]


@case('DDP-5.2-03', 'RDMAP-5.2.2-01', 'RDMAP-4.4-02', 'DDP-4.2-05', long=True)
def response_of_4_gib(dev):
    """Each segment in its place, up to the last; some of their octets."""
    p = dev.peer(flags=0)
    stag, to = large_memory(dev, p)
    octets = pattern((1 << 16) + 256)
    p.send_fpdu(peer.read_request(1, LARGEST, 9, 0, stag, to))
    stream, at = Stream(p.sock), 0
    while at < LARGEST:
        length, control, op, sink, sink_to = \
            struct.unpack('>HBBIQ', stream.take(16))
        n = length - 14
        need((op, sink, sink_to) == (0x40 | READ_RESP, 9, at), f'at {at}')
        need((control == 0xc1) == (at + n == LARGEST), f'L at {at}')
        got = stream.take(n + -(2 + length) % 4 + 4)
        need(got[0] == octets[at & 0xff] and
             got[n - 1] == octets[at + n - 1 & 0xff], f'octets at {at}')
        if at & 0xff000000 != at - PAYLOAD & 0xff000000:
            need(got[:n] == octets[at & 0xff:(at & 0xff) + n], f'octets at {at}')
        at += n
    need(at == LARGEST, f'{at} octets')
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    dev.received(p, 0, 1)


@case('DDP-5.2-03', 'DDP-5.2-05', 'RDMAP-5.3-02', 'DDP-4.3-07', long=True)
def send_of_4_gib(dev):
    """Into one receive; MO goes up to the end of its 32 bits."""
    dev.listen(recvs=0)
    p = dev.peer(flags=0)
    large_memory(dev, p)
    need(dev.do('recv', p.n, 77, 0, 0, LARGEST) == '0', 'post_recv')
    p.sock.settimeout(PATIENCE)
    octets = bytes(range(256)) * 257
    for at in range(0, LARGEST, PAYLOAD):
        n = min(PAYLOAD, LARGEST - at)
        head = struct.pack('>H', 18 + n) + \
            peer.untagged(SEND, 1, mo=at, last=at + n == LARGEST)
        tail = bytes(-(20 + n) % 4 + 4)
        parts = [head, memoryview(octets)[at & 0xff:(at & 0xff) + n], tail]
        sent = p.sock.sendmsg(parts)
        if sent < len(head) + n + len(tail):
            p.sock.sendall(b''.join(parts)[sent:])
    dev.received(p, 77, LARGEST)
    for at in (0, 1 << 31, LARGEST - 300):
        need(dev.mem(0, at, 300) == octets[at & 0xff:(at & 0xff) + 300],
             f'octets at {at}')


@case('DDP-5.2-03', 'DDP-5.2-04', 'DDP-5.2-05', 'RDMAP-4.4-02')
def messages_of_many_sizes(dev):
    """Around the powers of two, up to 16 MiB: read from our side, and written
    there, so that it reads what the peer has written."""
    p = dev.peer(flags=0)
    stag, to = dev.mr(0, p.n, 17 << 20)
    msn = 0
    for size in sorted({(1 << e) + d for e in (0, 8, 12, 16, 17, 20, 24)
                        for d in (-1, 0, 1)} - {0}):
        octets = (data(251 * 256) * (size // 64256 + 1))[:size]
        for at in range(0, size, PAYLOAD):
            part = octets[at:at + PAYLOAD]
            p.send_fpdu(peer.tagged(WRITE, stag, to + at, part,
                                    last=at + len(part) == size))
        msn += 1
        p.send_fpdu(peer.read_request(msn, size, 9, 0, stag, to))
        got = bytearray()
        while True:
            s = p.recv_segment()
            need((s.op, s.to) == (READ_RESP, len(got)), f'{s.ulpdu[:14].hex()}')
            got += s.payload
            if s.last:
                break
        need(got == octets, f'{size} octets are not the same')


# messages among each other


@case('RDMAP-B-01', 'RDMAP-5.5-10', 'RDMAP-5.5-12', 'RDMAP-5.5-21')
def pairs(dev):
    """What is promised for each two of Send, Write and Read: Sends and Responses
    come in order, and whatever follows a Write finds its octets."""
    dev.listen(repost=1, recvs=8)
    p = dev.peer(rev=2, block=peer.enhanced(8, 8))
    sends = reads = 0

    def message(op, size, octets):
        nonlocal sends, reads
        if op == SEND:
            sends += 1
            return peer.untagged(SEND, sends, bytes(size))
        if op == WRITE:
            return peer.tagged(WRITE, p.stag, p.to + 512, octets)
        reads += 1
        return peer.read_request(reads, 8, reads, 0, p.stag, p.to + 512)

    octets, expected = pattern(8, 512), []
    for i, (one, two) in enumerate((a, b) for a in (SEND, WRITE, READ_REQ)
                                   for b in (SEND, WRITE, READ_REQ)):
        stream = b''
        for j, op in enumerate((one, two)):
            after = bytes([16 * i + j]) * 8
            stream += p.fpdu(message(op, 20 + 2 * i + j, after))
            if op == WRITE:
                octets = after
            elif op == SEND:
                expected.append(20 + 2 * i + j)
        p.send(stream)
        for op in (one, two):
            if op != READ_REQ:
                continue
            s = p.recv_segment()
            need(s.op == READ_RESP, f'{one}, {two}: {s.ulpdu.hex()}')
            if two == READ_REQ:
                need(s.payload == octets, f'{one}, {two}: other octets')
        dev.expect(f'^{p.n} recv .* success', count=sends)
        if two == SEND:
            need(dev.mem(own(p), 512, 8) == octets, f'{one}, {two}: the Write')
    got = [int(line.split()[-1]) for line in dev.seen(f'^{p.n} recv ')]
    need(got == expected, f'Sends {got}')


@case('DDP-5.3-05', 'DDP-5.3-03', 'RDMAP-5.5-03', 'RDMAP-5.5-18')
def any_interleaving(dev):
    """Segments of a Send, of a Write and of a Read Response under way at the
    same time, and Read Requests between them, in many orders."""
    dev.listen(repost=1, recvs=4, recv_len=256)
    p = dev.peer(rev=2, block=peer.enhanced(4, 100))
    stag, to = dev.mr(1, p.n, 256)
    random, reads, answered = Random(5041), 0, []

    def request():
        """The next Read Request; Responses are on the way, too."""
        while True:
            s = p.recv_segment()
            if s.op == READ_REQ:
                return struct.unpack('>IQ', s.payload[:12])
            answered.append(s.stag)

    for msn in range(1, 60):
        octets = random.randbytes(240)
        dev.mr(0, p.n, 240)
        dev.post(p, 'read', msn, 240, slot=0, stag=5)
        sink, sink_to = request()
        cuts = [sorted(random.sample(range(1, 240), 5)) for _ in range(3)]
        todo = [[(a, b) for a, b in zip([0, *c], [*c, 240])] for c in cuts]
        stream = b''
        while any(todo):
            which = random.choice([i for i in range(3) if todo[i]])
            a, b = todo[which].pop(0)
            how = {'payload': octets[a:b], 'last': b == 240}
            stream += p.fpdu(
                peer.untagged(SEND, msn, mo=a, **how) if which == 0 else
                peer.tagged(WRITE, stag, to + a, **how) if which == 1 else
                peer.tagged(READ_RESP, sink, sink_to + a, **how))
            if random.randrange(6) == 0:
                reads += 1
                stream += p.fpdu(peer.read_request(reads, 0, reads, 0, 1, 0))
        p.send(stream)
        dev.expect(f'^{p.n} recv .* success', count=msn)
        dev.expect(f'^{p.n} sent {msn} success')
        for slot in (own(p), 1, 0):
            need(dev.mem(slot, 0, 240) == octets, f'round {msn}, slot {slot}')
        dev.do('dereg', 0)
    while len(answered) < reads:
        answered.append(p.recv_segment().stag)
    need(answered == list(range(1, reads + 1)), f'Responses {answered}')
