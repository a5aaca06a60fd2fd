# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5040 sections 5.2 and 7.2: Reads, as the one who is read from (P) and as
the one who reads (Q)."""

from mpa_fpdu import data
from suite import *

TOP = 1 << 64
SINK = 0xdeadbeef		# an STag that means nothing to our side


def responses(p, sink, to, size, crc=True):
    """One Read Response, checked but for its octets, which are returned."""
    octets = b''
    while True:
        s = p.recv_segment()
        need(s.op == READ_RESP and s.tagged, f'{s.ulpdu[:20].hex()}')
        need(s.crc_good or not p.crc, 'bad CRC')
        need((s.stag, s.to) == (sink, (to + len(octets)) % TOP),
             f'{s.ulpdu[:14].hex()} at {len(octets)}')
        octets += s.payload
        need(s.last == (len(octets) >= size), f'L at {len(octets)}')
        if s.last:
            need(len(octets) == size, f'{len(octets)} octets')
            return octets


def refused_read(dev, p, want, u):
    p.send(p.fpdu(u) + p.fpdu(peer.untagged(SEND, 1, b'x')))
    terminates(p, want, u)
    dev.down(p)


# P: our side is read from

@case('RDMAP-4.5-01', 'RDMAP-5.2.2-01', 'RDMAP-4.4-02', 'RDMAP-4.4-03',
      'RDMAP-5.2.1-07', 'RDMAP-4.4-05', 'RDMAP-5.2-01', 'RDMAP-5.2.2-08',
      'RDMAP-4.4-04', 'RDMAP-4.1-05', 'RDMAP-5.2.1-03', 'RDMAP-3.2-03')
def response(dev):
    p = dev.peer()
    stag, to = dev.mr(0, p.n, 1 << 20)
    for msn, (off, size, sink_to) in enumerate(
            ((0, 1, 0), (3, 2, 1), (5, 1440, 7), (6, 1441, 1 << 40),
             (7, 65000, 3), (1, 300000, 0x1234), (0, 1 << 20, 9)), 1):
        p.send_fpdu(peer.read_request(msn, size, SINK, sink_to, stag, to + off))
        need(responses(p, SINK, sink_to, size) == pattern(size, off),
             f'{size} octets at {off}')
    dev.none(' (recv|sent) ')


@case('RDMAP-5.2.1-11', 'RDMAP-5.2.1-10', 'RDMAP-4.4-05', 'SEC-6.3.5-01')
def response_to_nothing(dev):
    """Whatever the source is: not looked at."""
    p = dev.peer()
    stag, to = dev.mr(0, p.n, 64, 'lw')
    for msn, (src, at) in enumerate(((1, 0), (0, 0), (0x55555555, 7),
                                     (p.stag, TOP - 1), (stag, to)), 1):
        p.send_fpdu(peer.read_request(msn, 0, 0x77, 99, src, at))
        s = p.recv_segment()
        need((s.ulpdu[:2], s.stag, s.to, s.payload) ==
             (b'\xc1\x42', 0x77, 99, b''), f'{s.ulpdu.hex()}')


@case('RDMAP-5.2.1-05', 'RDMAP-5.2.2-05', 'RDMAP-5.5-21')
def responses_in_order(dev):
    p = dev.peer(rev=2, block=peer.enhanced(4, 4))
    p.send(b''.join(p.fpdu(peer.read_request(i, 20000, i, 0, p.stag, p.to + i))
                    for i in range(1, 5)))
    for i in range(1, 5):
        need(responses(p, i, 0, 20000) == pattern(20000, i), f'{i}')


@case('RDMAP-5.5-12', 'RDMAP-5.5-13')
def read_behind_a_write(dev):
    """It is not begun before what came before it is there."""
    p = dev.peer()
    for i in range(1, 300):
        octets = struct.pack('>Q', i) * 50
        p.send(p.fpdu(peer.tagged(WRITE, p.stag, p.to, octets)) +
               p.fpdu(peer.read_request(i, 400, 1, 0, p.stag, p.to)))
        need(responses(p, 1, 0, 400) == octets, f'round {i}')


@case('RDMAP-5.5-01', 'RDMAP-5.5-19')
def send_passes_a_blocked_response(dev):
    """The peer does not read, but what it says is heard."""
    dev.listen()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((dev.addr, dev.port))
    p = Peer(sock, PATIENCE)
    p.initiate()
    dev.joined(p)
    stag, to = dev.mr(0, p.n, 8 << 20)
    p.send_fpdu(peer.read_request(1, 8 << 20, 1, 0, stag, to))
    time.sleep(0.1)
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    dev.received(p, 0, 1)
    unblock(p)
    need(len(responses(p, 1, 0, 8 << 20)) == 8 << 20, 'the Response')


@case('RDMAP-7.2-06', 'RDMAP-4.8-06', 'RDMAP-4.8-08', 'RDMAP-7.1-04',
      'RDMAP-5.2.1-09', 'RDMAP-4.8-10')
def read_of_no_memory(dev):
    p = dev.peer()
    for stag in (p.stag ^ 0x100, p.stag ^ 1, 0, 0xffffffff):
        p = dev.peer()
        refused_read(dev, p, '0/1/00',
                     peer.read_request(1, 64, SINK, 3, stag, p.to))
    p = dev.peer()
    stag, to = dev.mr(0, p.n, 64)
    dev.do('dereg', 0)
    refused_read(dev, p, '0/1/00', peer.read_request(1, 4, SINK, 3, stag, to))


@case('RDMAP-7.2-07', 'SEC-6.1.1-02', 'DDP-8.2-01', 'SEC-2.2.4-01')
def read_of_another_pd(dev):
    p = dev.peer()
    other = dev.peer()
    for stag, to in (dev.mr(0, -1, 64), (other.stag, other.to)):
        p = dev.peer()
        refused_read(dev, p, '0/1/03',
                     peer.read_request(1, 64, SINK, 3, stag, to))


@case('RDMAP-7.2-08', 'RDMAP-7.2-09', 'SEC-6.3.1-01', 'SEC-6.2.1-01')
def read_out_of_bounds(dev):
    """No octet of it leaves."""
    dev.listen(recvs=1)
    length = 61
    for off, size in ((-1, 1), (-1, 2), (length, 1), (length - 1, 2),
                      (0, length + 1), (0, 0x7fffffff), (0, 0xffffffff),
                      (1 << 40, 1), (-2, 200)):
        p = dev.peer()
        stag, to = dev.mr(0, p.n, length, 'lrw', 13)
        refused_read(dev, p, '0/1/01',
                     peer.read_request(1, size, SINK, 3, stag, to + off))


@case('SEC-6.2.1-01', 'SEC-6.3.1-01')
def read_within_bounds(dev):
    p = dev.peer()
    length = 61
    stag, to = dev.mr(0, p.n, length, 'lrw', 13)
    for msn, (off, size) in enumerate(((0, 1), (0, length), (length - 1, 1),
                                       (length - 4, 4), (1, length - 1)), 1):
        p.send_fpdu(peer.read_request(msn, size, SINK, 0, stag, to + off))
        need(responses(p, SINK, 0, size) == pattern(size, off), f'{off} {size}')


@case('RDMAP-7.2-10')
def read_that_wraps(dev):
    for to, size in ((TOP - 16, 32), (TOP - 16, 16), (TOP - 1, 1),
                     (TOP - 2, 0xffffffff)):
        p = dev.peer()
        refused_read(dev, p, '0/1/04',
                     peer.read_request(1, size, SINK, 3, p.stag, to))


@case('RDMAP-7.2-11', 'SEC-6.3.5-01', 'DDP-8.3-01')
def read_without_the_right(dev):
    for slot, access in enumerate(('lw', 'l', '-')):
        p = dev.peer()
        stag, to = dev.mr(slot, p.n, 64, access)
        refused_read(dev, p, '0/1/02',
                     peer.read_request(1, 64, SINK, 3, stag, to))


@case('RDMAP-5.2.1-12', 'RDMAP-7.1-04')
def malformed_requests(dev):
    p = dev.peer()
    whole = peer.read_request(1, 8, 1, 0, p.stag, p.to)
    for want, u in (('0/2/ff', whole[:-1]), ('0/2/ff', whole[:18]),
                    ('1/2/05', whole + b'\0'),
                    ('1/2/04', peer.read_request(1, 8, 1, 0, p.stag, p.to,
                                                 last=False)),
                    ('1/2/04', peer.read_request(1, 8, 1, 0, p.stag, p.to,
                                                 mo=4)),
                    ('1/2/03', peer.read_request(2, 8, 1, 0, p.stag, p.to)),
                    ('1/2/03', peer.read_request(0, 8, 1, 0, p.stag, p.to))):
        p = dev.peer()
        refused_read(dev, p, want, u)


def blocked(dev, ord_):
    """A connection with as many Reads that cannot be answered for now: the
    peer does not read, and its window is small. (peer, STag, TO)"""
    dev.listen()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((dev.addr, dev.port))
    p = Peer(sock, PATIENCE)
    p.send(peer.mpa(REQ, C | S, 2, peer.enhanced(1, ord_)))
    p.ird = block_of(p.recv_startup()[3])['ird']
    dev.joined(p)
    stag, to = dev.mr(63, p.n, 8 << 20)
    p.send(b''.join(p.fpdu(peer.read_request(i, 8 << 20, 1, 0, stag, to))
                    for i in range(1, p.ird + 1)))
    time.sleep(0.1)
    return p, stag, to


def unblock(p):
    """All at once, or our side is tired of waiting before it is all there."""
    p.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)


@case('DDP-7.1-03', 'RDMAP-6.1-04', 'RDMAP-5.2.1-02', 'SEC-6.4.3.3-02',
      'SEC-6.4.3.3-01')
def more_reads_than_ird(dev):
    """What was asked for in time may still be answered. Another connection has
    its own."""
    q = dev.peer()
    p, stag, to = blocked(dev, 2)
    # the first may be on its way, and so counts no more
    us = [peer.read_request(p.ird + i, 8, 1, 0, stag, to) for i in range(1, 4)]
    p.send(b''.join(map(p.fpdu, us)))
    time.sleep(0.1)
    q.send_fpdu(peer.read_request(1, 8, 1, 0, q.stag, q.to))
    need(q.recv_segment().payload == pattern(8), 'another connection')
    unblock(p)
    segments, reset = everything(p)
    need(segments and segments[-1].op == TERM and not reset, 'no Terminate')
    term = segments[-1]
    got = term.terminate()[:3]
    need(got == code('1/2/02'), f'Terminate {got}')
    u = [u for u in us if term.terminate()[6][2:] == u[:18]]
    need(u, 'returns another header')
    check_term(term, '1/2/02', u[0])


@case('RDMAP-4.8-09', 'SEC-6.2.2-02')
def read_is_cut_off(dev):
    """The memory goes while it is read: what was sent is deducted."""
    p, stag, to = blocked(dev, 1)
    dev.do('dereg', 63)
    unblock(p)
    octets = 0
    segments, _ = everything(p)
    for s in segments:
        if s.op == READ_RESP:
            need(s.to == octets, f'at {s.to}')
            octets += len(s.payload)
    term = segments[-1]
    need(term.op == TERM, f'opcode {term.op}')
    layer, etype, ecode, m, d, r, rest = term.terminate()
    need((layer, etype, ecode, m, d, r) == (0, 1, 0, 1, 1, 1),
         f'{term.payload.hex()}')
    got = struct.unpack('>IQIIQ', rest[2 + 18:])
    want = (1, octets, (8 << 20) - octets, stag, to + octets)
    need(octets and got == want, f'returns {got}, not {want}')


# Q: our side reads

def reading(dev, size, access='lw', **how):
    """Our side asks for that many octets: (peer, Read Request)"""
    p = dev.peer(**how)
    dev.mr(0, p.n, size + 64, access)
    dev.post(p, 'read', 7, size, slot=0, off=0, stag=0x200, to=0x3000)
    s = p.recv_segment()
    p.sink, p.sink_to, p.size, src, src_to = struct.unpack('>IQIIQ', s.payload)
    need((p.size, src, src_to) == (size, 0x200, 0x3000), f'{s.ulpdu.hex()}')
    return p, s


def unharmed(dev, size, begin=0):
    need(dev.mem(0, begin, size - begin) == pattern(size - begin, begin),
         'something was placed')


@case('RDMAP-5.5-04', 'RDMAP-4.4-01', 'RDMAP-5.2.1-01', 'RDMAP-5.2.1-06',
      'RDMAP-4.1-05', 'RDMAP-4.2-01', 'RDMAP-5.2.2-03', 'RDMAP-5.5-20',
      'RDMAP-5.5-22', 'RDMAP-5.2.2-09', 'RDMAP-3.1-01', 'RDMAP-5.5-11')
def request_layout(dev):
    """G17's shape. A sink needs no right for the peer."""
    p, s = reading(dev, 4096)
    need(s.ulpdu[:2] == b'\x41\x41' and len(s.payload) == 28,
         f'{s.ulpdu.hex()}')
    need((s.inval, s.qn, s.msn, s.mo) == (0, 1, 1, 0), f'{s.ulpdu.hex()}')
    octets = data(4096)
    p.send_fpdu(peer.tagged(READ_RESP, p.sink, p.sink_to, octets[:4000],
                            last=False))
    time.sleep(QUIET)
    dev.none(' sent ')
    p.send_fpdu(peer.tagged(READ_RESP, p.sink, p.sink_to + 4000, octets[4000:]))
    dev.expect(f'^{p.n} sent 7 success')
    need(dev.mem(0, 0, 4096) == octets, 'other octets')


@case('RDMAP-5.2.1-08', 'RDMAP-4.4-05')
def read_nothing(dev):
    p, _ = reading(dev, 0)
    p.send_fpdu(peer.tagged(READ_RESP, p.sink, p.sink_to))
    dev.expect(f'^{p.n} sent 7 success')


@case('RDMAP-5.2.2-06', 'RDMAP-5.2.2-04', 'SEC-6.1.1-02')
def response_that_does_not_fit(dev):
    """Wrong STag; before, behind and beyond the sink; too long; too short."""
    for what, want in (('stag', '1/1/00'), ('before', '1/1/01'),
                       ('behind', '1/1/01'), ('long', '1/1/01'),
                       ('very long', '1/1/01'), ('short', '1/1/01'),
                       ('long, with more to come', '1/1/01'),
                       ('own', '1/1/00')):
        p, _ = reading(dev, 100)
        stag, to, n, last = p.sink, p.sink_to, 100, True
        if what == 'stag':
            stag ^= 0x10000
        elif what == 'own':
            stag, to = (p.stag, p.to) if p.sink != p.stag else (5, to)
        elif what == 'before':
            to -= 1
        elif what == 'behind':
            to += 1
        elif what.startswith('long'):
            n, last = 101, what == 'long'
        elif what == 'very long':
            n = 5000
        else:
            n = 99
        u = peer.tagged(READ_RESP, stag, to, b'\xee' * n, last=last)
        p.send_fpdu(u)
        try:
            terminates(p, want, u)
        except Wrong as why:
            raise Wrong(f'{what}: {why}') from None
        dev.expect(f'^{p.n} sent 7 (?!success)')
        if what != 'short':
            unharmed(dev, 164)
        unharmed(dev, 164, 100)


@case('RDMAP-5.2.2-06', 'SEC-6.4.3.3-02')
def second_segment_does_not_fit(dev):
    for skip, n, last in ((0, 51, True), (1, 50, True), (-1, 50, True),
                          (0, 60, True), (0, 51, False), (0, 3000, False)):
        p, _ = reading(dev, 100)
        p.send_fpdu(peer.tagged(READ_RESP, p.sink, p.sink_to, b'\xee' * 50,
                                last=False))
        u = peer.tagged(READ_RESP, p.sink, p.sink_to + 50 + skip, b'\xee' * n,
                        last=last)
        p.send_fpdu(u)
        terminates(p, '1/1/01', u)
        unharmed(dev, 164, 50)


@case('RDMAP-5.2.2-07')
def response_that_nobody_asked_for(dev):
    for payload in (b'', b'x' * 20):
        p = dev.peer()
        u = peer.tagged(READ_RESP, p.stag, p.to, payload)
        p.send_fpdu(u)
        terminates(p, '0/2/06', u)
        need(dev.mem(own(p), 0, 20) == pattern(20), 'placed')


@case('RDMAP-5.2.2-07')
def response_once_more(dev):
    p, _ = reading(dev, 10)
    u = peer.tagged(READ_RESP, p.sink, p.sink_to, b'x' * 10)
    p.send_fpdu(u)
    dev.expect(f'^{p.n} sent 7 success')
    p.send_fpdu(u)
    terminates(p, '0/2/06', u)


@case('RDMAP-5.5-11', 'RDMAP-5.5-17', 'RDMAP-5.5-16', 'RDMAP-5.5-20')
def completions_in_order(dev):
    """A Send does not complete before the Read in front of it."""
    p = dev.peer()
    dev.mr(0, p.n, 64)
    for i, op in enumerate(('read', 'send', 'write', 'read', 'send')):
        dev.post(p, op, i, 8, slot=0, stag=5)
    requests = [s for s in (p.recv_segment() for _ in range(5))
                if s.op == READ_REQ]
    time.sleep(QUIET)
    dev.none(' sent ')
    for s in requests:
        sink, to = struct.unpack('>IQ', s.payload[:12])
        p.send_fpdu(peer.tagged(READ_RESP, sink, to, b'12345678'))
    dev.expect(f'^{p.n} sent ', count=5)
    need([line.split()[2] for line in dev.seen(' sent ')] == list('01234'),
         f'{dev.seen(" sent ")}')


@case('RDMAP-5.5-14')
def fence(dev):
    p = dev.peer()
    dev.mr(0, p.n, 64)
    dev.post(p, 'read', 1, 8, slot=0, stag=5)
    dev.post(p, 'write', 2, 8, slot=0, off=32, stag=5, flags='f')
    s = p.recv_segment()
    need(s.op == READ_REQ, f'opcode {s.op}')
    quiet(p)
    sink, to = struct.unpack('>IQ', s.payload[:12])
    p.send_fpdu(peer.tagged(READ_RESP, sink, to, b'12345678'))
    need(p.recv_segment().op == WRITE, 'no Write')


@case('RDMAP-6.1-05', 'RDMAP-6.1-03')
def ord_holds_back_all_that_follows(dev):
    dev.listen(ord=1)
    p = dev.peer(rev=2, block=peer.enhanced(1, 1))
    dev.mr(0, p.n, 64)
    for i, op in enumerate(('read', 'read', 'send')):
        dev.post(p, op, i, 8, slot=0, stag=5)
    for msn in (1, 2):
        s = p.recv_segment()
        need((s.op, s.msn) == (READ_REQ, msn), f'{s.ulpdu.hex()}')
        if msn == 1:
            quiet(p)
        sink, to = struct.unpack('>IQ', s.payload[:12])
        p.send_fpdu(peer.tagged(READ_RESP, sink, to, b'12345678'))
    need(p.recv_segment().op == SEND, 'no Send')


@case('RDMAP-6.1-02')
def reads_can_be_queried(dev):
    dev.listen(ird=7, ord=3)
    p = dev.peer(rev=2, block=peer.enhanced(5, 6))
    _, ird, ord_ = map(int, dev.do('query', p.n).split())
    need((ird, ord_) == (7, 3), f'IRD {ird}, ORD {ord_}')
