# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5041: untagged segments, and RFC 5040 section 5.3: Sends."""

from mpa_fpdu import data
from suite import *


def refused_send(dev, p, want, u, receives=4):
    p.send(p.fpdu(u) + p.fpdu(peer.tagged(WRITE, p.stag, p.to, b'\xee' * 16)))
    terminates(p, want, u)
    dev.down(p)
    dev.expect(f'^{p.n} recv (?!.*success)', count=receives)
    need(dev.mem(own(p), 0, 16) == pattern(16), 'something was placed')


# what our side sends

@case('DDP-4.1-01', 'DDP-4.1-02', 'DDP-4.1-03', 'DDP-4.3-01', 'DDP-4.3-02',
      'DDP-4.3-04', 'DDP-4.3-07', 'DDP-5.2-01', 'DDP-5.3-02', 'RDMAP-3.1-01',
      'RDMAP-4.1-05', 'RDMAP-4.1-06', 'RDMAP-5.3-01', 'RDMAP-4.2-01',
      'DDP-4.1-05', 'DDP-4.1-07', 'RDMAP-4.1-02', 'RDMAP-4.1-03')
def send_layout(dev):
    p = dev.peer()
    dev.mr(0, p.n, 150000)
    for msn, (n, flags, op) in enumerate(((150000, '-', SEND),
                                          (99, 's', SEND_SE),
                                          (0, '-', SEND)), 1):
        dev.post(p, 'send', msn, n, slot=0, flags=flags)
        at, octets = 0, b''
        while True:
            s = p.recv_segment()
            at += len(s.payload)
            octets += s.payload
            need(s.ulpdu[:2] == bytes([0x41 if at == n else 0x01, 0x40 | op]),
                 f'{s.ulpdu[:18].hex()}')
            need((s.inval, s.qn, s.msn, s.mo) ==
                 (0, 0, msn, at - len(s.payload)), f'{s.ulpdu[:18].hex()}')
            if s.last:
                break
        need(octets == pattern(n), 'other octets')


@case('DDP-5.2-04', 'DDP-5.3-01', 'MPA-4.4-07')
def send_any_size(dev):
    for flags in (0, C):
        p = dev.peer(flags=flags)
        dev.mr(0, p.n, 300000)
        for i, n in enumerate((0, 1, 2, 3, 128, 1441, 1442, 1443, 65535, 65536,
                               65537, 299999)):
            dev.post(p, 'send', i, n, slot=0)
            octets = b''
            while True:
                s = p.recv_segment()
                octets += s.payload
                if s.last:
                    break
            need(octets == pattern(n), f'{n} octets')


# what our side gets

@case('RDMAP-5.3-02', 'RDMAP-5.3-03', 'DDP-5.4-03', 'RDMAP-3.2-01',
      'DDP-5.2-06', 'RDMAP-5.3-05')
def receive_any_size(dev):
    dev.listen(repost=1, recv_len=4096)
    p = dev.peer()
    for i, n in enumerate((0, 1, 2, 3, 4, 255, 256, 1000, 4095, 4096), 1):
        p.send_fpdu(peer.untagged(SEND, i, data(n)))
        dev.expect(f'^{p.n} recv .* success {n}$')
        need(dev.mem(own(p), 0, n) == data(n), f'{n} octets')


@case('RDMAP-5.5-04', 'DDP-5.4-03', 'DDP-5.2-05', 'DDP-5.4-02', 'RDMAP-5.5-18')
def receive_segments(dev):
    """Not before the last one is there."""
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'a' * 100, last=False))
    p.send_fpdu(peer.untagged(SEND, 1, b'b' * 50, mo=100, last=False))
    time.sleep(QUIET)
    dev.none(' recv ')
    p.send_fpdu(peer.untagged(SEND, 1, b'', mo=150))
    dev.received(p, 0, 150)
    need(dev.mem(own(p), 0, 150) == b'a' * 100 + b'b' * 50, 'other octets')


@case('DDP-5.3-03', 'DDP-5.2-09')
def receive_segments_in_any_order(dev):
    p = dev.peer()
    for mo, last in ((8, False), (0, False), (16, True)):
        p.send_fpdu(peer.untagged(SEND, 1, bytes([mo]) * 8, mo=mo, last=last))
    dev.received(p, 0, 24)
    need(dev.mem(own(p), 0, 24) == b'\0' * 8 + b'\x08' * 8 + b'\x10' * 8,
         'other octets')


@case('DDP-5.3-04', 'RDMAP-5.3-05', 'RDMAP-5.5-10', 'MPA-5.1-04')
def receive_in_order(dev):
    dev.listen(repost=1, recvs=16)
    p = dev.peer()
    for base in range(0, 480, 16):
        p.send(b''.join(p.fpdu(peer.untagged(SEND, base + i + 1,
                                             bytes((base + i) % 200)))
                        for i in range(16)))
        dev.expect(f'^{p.n} recv .* success', count=base + 16)
    got = [int(line.split()[-1]) for line in dev.seen(f'^{p.n} recv ')]
    need(got == [i % 200 for i in range(480)], 'order')


@case('RDMAP-5.3-06', 'RDMAP-3.2-01', 'DDP-5.4-04')
def receive_solicited(dev):
    p = dev.peer()
    dev.do('arm', p.n, 1)
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    dev.received(p, 0, 1)
    time.sleep(QUIET)
    dev.none('notified')
    p.send_fpdu(peer.untagged(SEND_SE, 2, b'xx'))
    dev.received(p, 1, 2)
    dev.expect(f'^{p.n} notified')
    dev.do('arm', p.n, 0)
    p.send_fpdu(peer.untagged(SEND, 3, b'xxx'))
    dev.expect(f'^{p.n} notified', count=2)


@case('RDMAP-4.1-07')
def receive_with_an_stag_that_means_nothing(dev):
    p = dev.peer()
    for msn, op in ((1, SEND), (2, SEND_SE)):
        p.send_fpdu(peer.untagged(op, msn, b'x', inval=p.stag))
        dev.received(p, msn - 1, 1)
    p.send_fpdu(peer.read_request(1, 4, 1, 0, p.stag, p.to + 9, inval=p.stag))
    need(p.recv_segment().payload == pattern(4, 9), 'the STag is gone')


# queue, sequence, offset

@case('DDP-7.1-01', 'DDP-7.1-14', 'DDP-7.1-15', 'DDP-7.2-01', 'RDMAP-4.8-05',
      'EXT-1.1-01', 'RDMAP-7.2-01')
def queue_number(dev):
    for qn in (3, 4, 5, 0x100, 0xffffffff):
        p = dev.peer()
        refused_send(dev, p, '1/2/01', peer.untagged(SEND, 1, b'xx', qn=qn))


@case('DDP-7.1-02', 'DDP-7.1-18')
def no_buffer(dev):
    p = dev.peer()
    for msn in range(1, 5):
        p.send_fpdu(peer.untagged(SEND, msn, b'x' * msn))
        dev.received(p, msn - 1, msn)
    u = peer.untagged(SEND, 5, b'y' * 20)
    p.send_fpdu(u)
    terminates(p, '1/2/02', u)
    need(dev.mem(own(p), 0, 5)[:4] == b'x' * 4, 'placed')


@case('DDP-7.1-07')
def no_buffer_for_nothing(dev):
    dev.listen(recvs=0)
    p = dev.peer()
    u = peer.untagged(SEND, 1)
    p.send_fpdu(u)
    terminates(p, '1/2/02', u)


@case('DDP-7.1-04', 'DDP-7.1-14')
def offset_beyond_the_buffer(dev):
    dev.listen(recv_len=16)
    for mo in (17, 18, 4096, 0x7fffffff, 0xffffffff):
        p = dev.peer()
        refused_send(dev, p, '1/2/04', peer.untagged(SEND, 1, b'x', mo=mo))
        need(dev.mem(own(p), 16, 16) == pattern(16, 16), 'placed')


@case('DDP-7.1-05', 'RDMAP-5.3-04', 'DDP-7.1-14')
def longer_than_the_buffer(dev):
    dev.listen(recv_len=16)
    for mo, size in ((0, 17), (0, 4000), (16, 1), (15, 2)):
        p = dev.peer()
        refused_send(dev, p, '1/2/05', peer.untagged(SEND, 1, b'x' * size,
                                                     mo=mo))
        need(dev.mem(own(p), 16, 16) == pattern(16, 16), 'placed')
        dev.expect(f'^{p.n} recv 0 local length error')


@case('DDP-7.1-05')
def longer_than_the_buffer_in_two_segments(dev):
    dev.listen(recv_len=16)
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'x' * 10, last=False))
    u = peer.untagged(SEND, 1, b'y' * 7, mo=10)
    p.send_fpdu(u)
    terminates(p, '1/2/05', u)
    need(dev.mem(own(p), 10, 16) == pattern(16, 10), 'placed')


@case('DDP-7.1-06')
def sequence_number(dev):
    for msn in (0, 2, 3, 0x80000000, 0xffffffff):
        p = dev.peer()
        refused_send(dev, p, '1/2/03', peer.untagged(SEND, msn, b'x'))


@case('DDP-7.1-06', 'DDP-5.3-04')
def sequence_number_again(dev):
    """Of a message that was delivered."""
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    dev.received(p, 0, 1)
    u = peer.untagged(SEND, 1, b'y')
    p.send_fpdu(u)
    terminates(p, '1/2/03', u)
    need(dev.mem(own(p), 0, 1) == b'x', 'placed')


@case('DDP-7.1-06', 'DDP-5.4-02')
def sequence_number_in_a_message(dev):
    """The next one may not begin before this one has ended."""
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'x', last=False))
    u = peer.untagged(SEND, 2, b'y')
    p.send_fpdu(u)
    terminates(p, '1/2/03', u)
    dev.none('recv .* success')


@case('DDP-7.1-19', 'DDP-5.2-09')
def hole(dev):
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'x' * 8, last=False))
    u = peer.untagged(SEND, 1, b'y' * 8, mo=16)
    p.send_fpdu(u)
    terminates(p, '1/2/04', u)
    dev.none('recv .* success')


@case('DDP-4.1-08', 'DDP-7.2-01')
def ddp_version(dev):
    for dv in (0, 2, 3):
        p = dev.peer()
        refused_send(dev, p, '1/2/06', peer.untagged(SEND, 1, b'x',
                                                     control=0x40 | dv))


@case('DDP-4.3-03')
def opcode_changes_in_a_message(dev):
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'x', last=False))
    u = peer.untagged(SEND_SE, 1, b'y', mo=1)
    p.send_fpdu(u)
    terminates(p, '0/2/06', u)
    dev.none('recv .* success')


# invalidation by the peer

@case('RDMAP-5.3-10', 'RDMAP-5.3-11', 'RDMAP-5.3-13', 'SEC-6.4.5-02',
      'RDMAP-8.1.1-07', 'SEC-6.1.1-02', 'RDMAP-7.2-05')
def invalidate_what_may_not_be(dev):
    """Ordinary memory, that of another PD, none at all: and it stays."""
    other = dev.peer()
    for op in (SEND_INV, SEND_SE_INV):
        for what in ('own', 'other', 'none', 'zero'):
            p = dev.peer()
            stag = {'own': p.stag, 'other': other.stag, 'none': 0x7f7f7f7f,
                    'zero': 0}[what]
            u = peer.untagged(op, 1, b'x', inval=stag)
            p.send_fpdu(u)
            terminates(p, '0/1/09', u)
            dev.down(p)
            dev.none(f'^{p.n} recv .* success')
    other.send_fpdu(peer.read_request(1, 4, 1, 0, other.stag, other.to))
    need(other.recv_segment().payload == pattern(4), 'the STag is gone')


@case('RDMAP-5.3-12')
def invalidate_comes_with_the_last_segment(dev):
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND_INV, 1, b'x', inval=p.stag, last=False))
    p.send_fpdu(peer.tagged(WRITE, p.stag, p.to + 64, b'between'))
    p.send_fpdu(peer.read_request(1, 7, 1, 0, p.stag, p.to + 64))
    need(p.recv_segment().payload == b'between', 'the Write')
    u = peer.untagged(SEND_INV, 1, b'y', mo=1, inval=p.stag)
    p.send_fpdu(u)
    terminates(p, '0/1/09', u)
