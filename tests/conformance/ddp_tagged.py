# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5041: tagged segments, and RFC 5040 section 5.1: Writes."""

import threading
import zlib

from mpa_fpdu import data
from suite import *

TOP = 1 << 64


def refused_write(dev, p, want, stag, to, payload, **how):
    u = peer.tagged(WRITE, stag, to, payload, **how)
    p.send(p.fpdu(u) + p.fpdu(peer.tagged(WRITE, p.stag, p.to, b'\xee' * 16)) +
           p.fpdu(peer.untagged(SEND, 1, b'x')))
    terminates(p, want, u)
    dev.down(p, receives=4)
    need(dev.mem(own(p), 0, 16) == pattern(16), 'what followed was placed')
    return u


# what our side sends

@case('DDP-4.1-01', 'DDP-4.1-02', 'DDP-4.1-05', 'DDP-4.1-07', 'DDP-4.1-09',
      'DDP-4.2-01', 'DDP-4.2-02', 'DDP-4.2-03', 'DDP-5.2-02', 'DDP-5.3-02',
      'DDP-4.1-03', 'RDMAP-5.1-01', 'RDMAP-4.1-01', 'RDMAP-4.1-02',
      'RDMAP-4.1-03', 'RDMAP-5.1-06', 'DDP-4.4-01', 'RDMAP-3.1-02')
def write_layout(dev):
    p = dev.peer()
    dev.mr(0, p.n, 200000)
    dev.post(p, 'write', 1, 200000, slot=0, stag=0xabcd0001, to=0x1000)
    at, octets = 0, b''
    while at < 200000:
        s = p.recv_segment()
        last = at + len(s.payload) == 200000
        need((s.ulpdu[0], s.ulpdu[1]) == (0xc1 if last else 0x81, 0x40),
             f'{s.ulpdu[:14].hex()}')
        need((s.stag, s.to) == (0xabcd0001, 0x1000 + at),
             f'{s.ulpdu[:14].hex()} at {at}')
        at += len(s.payload)
        octets += s.payload
    need(octets == pattern(200000), 'other octets')


@case('DDP-4.2-05', 'RDMAP-5.1-04', 'DDP-5.2-04')
def write_anywhere(dev):
    p = dev.peer()
    for i, (n, to) in enumerate(((1, 1), (4095, 3), (77, (1 << 40) + 5),
                                 (1000, TOP - 1001), (3, 0))):
        dev.post(p, 'write', i, n, stag=5, to=to, off=i)
        s = p.recv_segment()
        need((s.to, s.payload) == (to, pattern(n, i)), f'{s.ulpdu.hex()}')


@case('DDP-5.2-06', 'RDMAP-5.1-07')
def write_of_nothing(dev):
    p = dev.peer()
    dev.post(p, 'write', 1, 0, stag=5, to=7)
    s = p.recv_segment()
    need((s.ulpdu[:2], s.payload) == (b'\xc1\x40', b''), f'{s.ulpdu.hex()}')
    dev.expect(f'^{p.n} sent 1 success')


@case('DDP-5.3-01', 'RDMAP-5.1-05', 'RDMAP-5.3-07', 'RDMAP-5.5-15',
      'RDMAP-5.2.1-04', 'DDP-4.3-05', 'DDP-4.3-04', 'RDMAP-6.1-01')
def order_of_submission(dev):
    dev.listen(ord=16)
    p = dev.peer(rev=2, block=peer.enhanced(16, 16))
    ops = [('send', SEND), ('write', WRITE), ('read', READ_REQ)] * 5
    for i, (name, _) in enumerate(ops):
        dev.post(p, name, i, 5000 + i, stag=5, to=i)
    msn = {SEND: 0, READ_REQ: 0}
    for i, (_, op) in enumerate(ops):
        while True:
            s = p.recv_segment()
            need(s.op == op, f'opcode {s.op} where {op} is due')
            if s.last:
                break
        if not s.tagged:
            msn[op] += 1
            need(s.msn == msn[op], f'MSN {s.msn}, not {msn[op]}')


@case('DDP-5.4-01', 'RDMAP-5.5-16', 'RDMAP-5.5-09')
def completes_when_tcp_has_it(dev):
    """Not before: the peer does not read, and TCP holds less than that. Nor
    later: that the peer has it, is not what a completion says."""
    p = dev.peer()
    dev.post(p, 'write', 0, 100, stag=5)
    dev.expect(f'^{p.n} sent 0 success')
    p.recv_segment()
    dev.mr(0, p.n, 32 << 20)
    dev.post(p, 'write', 1, 32 << 20, slot=0, stag=5)
    time.sleep(QUIET)
    dev.none(' sent 1 ')
    while not p.recv_segment().last:
        pass
    dev.expect(f'^{p.n} sent 1 success')


# what our side gets

@case('RDMAP-5.1-02', 'RDMAP-3.2-02', 'DDP-5.2-05', 'RDMAP-5.1-08',
      'DDP-4.2-05', 'DDP-4.1-04')
def write_any_size(dev):
    """Silent at the sink: only the Send behind it is seen."""
    dev.listen(repost=1)
    p = dev.peer()
    for i, n in enumerate((1, 2, 3, 4, 5, 31, 1000, 1460, 4096, 20000), 1):
        off = 512 + i * 3
        p.send_fpdu(peer.tagged(WRITE, p.stag, p.to + off, data(n)))
        p.send_fpdu(peer.untagged(SEND, i, b'done'))
        dev.expect(f'^{p.n} recv .* success', count=i)
        got = dev.mem(own(p), off, n + 1)
        need(got[:n] == data(n), f'{n} octets at {off}')
    need(len(dev.seen(' recv ')) == 10, 'a Write completes something')


@case('DDP-5.2-05', 'DDP-5.3-03', 'RDMAP-5.5-03')
def write_in_segments(dev):
    """1 MiB, in the largest and in small segments, and out of order."""
    p = dev.peer()
    octets = data(1 << 20)
    sum_ = zlib.adler32(octets)
    for slot, step in enumerate((65521, 1446)):
        stag, to = dev.mr(slot, p.n, 1 << 20)
        cuts = list(range(0, 1 << 20, step))
        for at in cuts[::-1][1:] + cuts[-1:]:
            p.send_fpdu(peer.tagged(WRITE, stag, to + at,
                                    octets[at:at + step], last=at == cuts[-1]))
        p.send_fpdu(peer.untagged(SEND, slot + 1))
        dev.received(p, slot, 0)
        need(int(dev.do('sum', slot, 0, 1 << 20)) == sum_, f'in {step}')


@case('DDP-5.2-07', 'RDMAP-5.1-07')
def write_of_nothing_anywhere(dev):
    p = dev.peer()
    gone, _ = dev.mr(0, p.n, 64)
    dev.do('dereg', 0)
    for stag in (0, 1, gone, p.stag ^ 1, 0xffffffff):
        for to in (0, p.to - 1, TOP - 1):
            p.send_fpdu(peer.tagged(WRITE, stag, to))
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    dev.received(p, 0, 1)


@case('DDP-5.2-08')
def write_of_nothing_to_begin_with(dev):
    p = dev.peer()
    p.send_fpdu(peer.tagged(WRITE, 0, 0, last=False))
    p.send_fpdu(peer.tagged(WRITE, p.stag, p.to, b'1234'))
    p.send_fpdu(peer.untagged(SEND, 1))
    dev.received(p, 0, 0)
    need(dev.mem(own(p), 0, 4) == b'1234', 'not placed')


@case('DDP-4.1-06', 'RDMAP-4.1-04')
def reserved_bits_are_ignored(dev):
    p = dev.peer()
    for i, bits in enumerate((0x04, 0x20, 0x3c), 1):
        p.send_fpdu(peer.tagged(WRITE, p.stag, p.to, b'12', control=0xc1 | bits,
                                rdmap=0x40 | 0x30))
        p.send_fpdu(peer.untagged(SEND, i, b'x', control=0x41 | bits,
                                  rdmap=0x43 | 0x10 * i))
        dev.received(p, i - 1, 1)


@case('DDP-4.1-08', 'DDP-7.1-14', 'DDP-7.2-01')
def ddp_version(dev):
    for dv in (0, 2, 3):
        p = dev.peer()
        refused_write(dev, p, '1/1/04', p.stag, p.to, b'\xee' * 16,
                      control=0xc0 | dv)


@case('DDP-7.1-08', 'DDP-4.2-04', 'DDP-7.1-14', 'DDP-7.1-15', 'DDP-7.1-16',
      'RDMAP-5.1-03', 'RDMAP-4.8-04', 'RDMAP-4.8-05', 'RDMAP-7.1-03',
      'RDMAP-7.1-01', 'RDMAP-4.8-01', 'RDMAP-4.8-02', 'DDP-7.2-01',
      'DDP-8.3-02')
def write_to_no_memory(dev):
    """Never there, of another key, and gone."""
    p = dev.peer()
    refused_write(dev, p, '1/1/00', p.stag ^ 0x100, p.to, b'\xee' * 16)
    p = dev.peer()
    refused_write(dev, p, '1/1/00', p.stag ^ 1, p.to, b'\xee' * 16)
    p = dev.peer()
    stag, to = dev.mr(0, p.n, 64)
    dev.do('dereg', 0)
    refused_write(dev, p, '1/1/00', stag, to, b'\xee' * 16)
    for stag in (0, 0xffffffff):
        p = dev.peer()
        refused_write(dev, p, '1/1/00', stag, p.to, b'\xee' * 16)


@case('DDP-7.1-09', 'DDP-8.2-01', 'SEC-6.1.1-01', 'SEC-2.2.4-01', 'DDP-8.2-03',
      'DDP-8.3.1-01', 'RDMAP-8.1.1-01')
def write_to_another_pd(dev):
    p = dev.peer()
    stag, to = dev.mr(0, -1, 64)
    refused_write(dev, p, '1/1/02', stag, to, b'\xee' * 16)
    need(dev.mem(0, 0, 64) == pattern(64), 'it was placed')


@case('DDP-7.1-10', 'SEC-6.3.5-02', 'DDP-8.3-01')
def write_without_the_right(dev):
    """The one code that says it is RDMAP's (D-25)."""
    for slot, access in enumerate(('l', 'lr', 'r', '-')):
        p = dev.peer()
        stag, to = dev.mr(slot, p.n, 64, access)
        refused_write(dev, p, '0/1/02', stag, to, b'\xee' * 16)
        need(dev.mem(slot, 0, 64) == pattern(64), 'it was placed')


@case('DDP-7.1-11', 'DDP-7.1-12', 'SEC-6.2.1-01', 'DDP-7.1-14')
def write_out_of_bounds(dev):
    """To the octet, on both sides, at an odd address; nothing of it lands."""
    dev.listen(recvs=0)
    length = 61
    for off, size in ((-2, 1), (-1, 1), (-1, 2), (-2, 4), (-1, 63),
                      (length, 1), (length + 1, 1), (length - 1, 2),
                      (0, length + 1), (length - 3, 4), (1 << 40, 4)):
        p = dev.peer()
        stag, to = dev.mr(0, p.n, length, 'lrw', 13)
        u = peer.tagged(WRITE, stag, to + off, b'\xee' * size)
        p.send_fpdu(u)
        terminates(p, '1/1/01', u)
        need(dev.mem(0, -4, length + 8) == bytes([CANARY] * 4) +
             pattern(length) + bytes([CANARY] * 4), f'{off}, {size}: placed')


@case('SEC-6.2.1-01', 'DDP-7.1-12', 'SEC-6.3.4-01')
def write_within_bounds(dev):
    """The same edges from inside."""
    p = dev.peer()
    length = 61
    stag, to = dev.mr(0, p.n, length, 'lrw', 13)
    for off, size in ((0, 1), (0, length), (length - 1, 1), (length - 4, 4),
                      (-2, 0), (length + 2, 0), (1, length - 1)):
        p.send_fpdu(peer.tagged(WRITE, stag, to + off, b'\xee' * size))
    p.send_fpdu(peer.untagged(SEND, 1))
    dev.received(p, 0, 0)
    need(dev.mem(0, -4, length + 8) == bytes([CANARY] * 4) +
         b'\xee' * length + bytes([CANARY] * 4), 'not what was written')


@case('DDP-7.1-13', 'SEC-6.2.1-01')
def write_that_wraps(dev):
    for to, size in ((TOP - 2, 4), (TOP - 1, 1), (TOP - 16, 16),
                     (TOP - 1000, 60000)):
        p = dev.peer()
        refused_write(dev, p, '1/1/03', p.stag, to, b'\xee' * size)


@case('DDP-7.1-14', 'DDP-7.1-12')
def second_segment_is_out_of_bounds(dev):
    p = dev.peer()
    stag, to = dev.mr(0, p.n, 64)
    p.send_fpdu(peer.tagged(WRITE, stag, to + 32, b'\xee' * 32, last=False))
    u = peer.tagged(WRITE, stag, to + 64, b'\xee')
    p.send_fpdu(u)
    terminates(p, '1/1/01', u)
    need(dev.mem(0, 0, 66) == pattern(32) + b'\xee' * 32 +
         bytes([CANARY] * 2), 'placed')


@case('DDP-5.3-05')
def messages_interleave(dev):
    """One of each kind under way at the same time (D-20)."""
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'first ', last=False))
    p.send_fpdu(peer.tagged(WRITE, p.stag, p.to + 1024, b'1111', last=False))
    p.send_fpdu(peer.read_request(1, 4, 9, 5, p.stag, p.to + 1024))
    s = p.recv_segment()
    need((s.op, s.payload) == (READ_RESP, b'1111'), f'{s.ulpdu.hex()}')
    p.send_fpdu(peer.untagged(SEND, 1, b'second', mo=6))
    p.send_fpdu(peer.tagged(WRITE, p.stag, p.to + 1028, b'2222'))
    dev.received(p, 0, 12)
    p.send_fpdu(peer.read_request(2, 8, 9, 5, p.stag, p.to + 1024))
    need(p.recv_segment().payload == b'11112222', 'the Write')
    need(dev.mem(own(p), 0, 12) == b'first second', 'the Send')


@case('DDP-4.1-04', 'RDMAP-5.5-10', 'RDMAP-5.5-18')
def write_is_there_before_the_send_behind_it(dev):
    dev.listen(repost=1)
    p = dev.peer()
    for i in range(1, 200):
        octets = struct.pack('>Q', i) * 100
        p.send(p.fpdu(peer.tagged(WRITE, p.stag, p.to + 512, octets)) +
               p.fpdu(peer.untagged(SEND, i)))
        dev.expect(f'^{p.n} recv .* success', count=i)
        need(dev.mem(own(p), 512, 800) == octets, f'round {i}')


@case('SEC-6.2.2-01', 'DDP-8.3-01')
def nothing_is_written_after_deregistration(dev):
    """While a stream of Writes goes on: what is there then, stays."""
    p = dev.peer()
    stag, to = dev.mr(0, p.n, 4096)
    stop = threading.Event()

    def flood():
        i = 0
        try:
            while not stop.is_set():
                i += 1
                p.send_fpdu(peer.tagged(WRITE, stag, to, bytes([i & 255]) * 4096))
        except OSError:
            pass
    thread = threading.Thread(target=flood)
    thread.start()
    try:
        until(lambda: dev.mem(0, 0, 1) != pattern(1), 'nothing arrives')
        dev.do('dereg', 0)
        before = dev.mem(0, 0, 4096)
        time.sleep(0.2)
        need(dev.mem(0, 0, 4096) == before, 'it goes on')
    finally:
        stop.set()
        thread.join()
    dev.down(p)
