# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5044 section 7.1 and RFC 6581: all combinations of what can be said at
the start: revisions, IRD and ORD, kinds of RTR with markers, private data."""

import itertools
from random import Random

from mpa_enhanced import NONE, MOST, SHAPES
from mpa_markers import check_markers
from suite import *

RTRS = {'b': (peer.untagged(SEND, 1), 2), 'c': (peer.tagged(WRITE, 1, 0), 1),
        'd': (peer.read_request(1, 0, 1, 0, 1, 0), 1)}
BLOCK = peer.enhanced(2, 2, a=1, d=1)


def each(what, combinations, check):
    """check() of each combination, which is named if it fails."""
    for values in combinations:
        try:
            check(*values)
        except Exception as why:
            raise Wrong(f'{what} {values}: {why}') from None


# revisions

def requests(dev, most):
    """Of each revision, with and without S: those up to `most` are answered in
    kind, others by RST."""
    def request(rev, s):
        p = dev.tcp()
        p.send(peer.mpa(REQ, C | (S if s else 0), rev, BLOCK if s else b''))
        if not 1 <= rev <= most:
            closes(p)
            return
        key, flags, got, data = p.recv_startup()
        dev.joined(p)
        enhanced = bool(s) and rev >= 2
        need((key, got, bool(flags & S)) == (REP, rev, enhanced),
             f'{key} {flags:#x} {got}')
        need(len(data) == (20 if enhanced else 16), f'{len(data)} octets')
        p.close()
    each('revision, S', itertools.product((0, 1, 2, 3, 255), (0, 1)), request)


@case('MPA-7.1.1-14', 'EMPA-10-02', 'EMPA-6-08', 'MPA-7.1.1-12')
def requests_to_revision_2(dev):
    requests(dev, 2)


@case('MPA-7.1.1-14', 'EMPA-10-03', rev=1)
def requests_to_revision_1(dev):
    requests(dev, 1)


def replies(dev, works):
    """Of each revision, with and without S, and which of them will do."""
    def reply(rev, s):
        p = dev.call()
        p.request = p.recv_startup()
        p.listener.close()
        if rev >= 2 and s:
            asked = block_of(p.request[3]) if p.request[1] & S else {'a': 0}
            block = peer.enhanced(2, 2, a=asked['a'], d=asked['a'])
            p.send(peer.mpa(REP, C | S, rev, block))
        else:
            p.send(peer.mpa(REP, C | (S if s else 0), rev, b''))
        if (rev, s) in works:
            dev.expect(f'ESTABLISHED 0 .*conn {p.n} ')
        else:
            closes(p)
            dev.expect(f'event .*conn {p.n} ')
            dev.none(f'ESTABLISHED.*conn {p.n} ')
        p.close()
    each('revision, S', itertools.product((0, 1, 2, 3, 255), (0, 1)), reply)


@case('MPA-7.1.1-14', 'EMPA-10-07', 'MPA-7.1.1-12')
def replies_to_revision_2(dev):
    """An RTR was asked for, so nothing but a block will do."""
    replies(dev, {(2, 1)})


@case('MPA-7.1.1-14', 'EMPA-10-07', p2p=0)
def replies_to_revision_2_of_a_client(dev):
    replies(dev, {(1, 0), (1, 1), (2, 0), (2, 1)})


@case('MPA-7.1.1-14', 'EMPA-10-05', rev=1)
def replies_to_revision_1(dev):
    replies(dev, {(1, 0), (1, 1)})


# IRD and ORD

EDGES = (0, 1, 2, 128, 129, MOST, NONE)


@case('EMPA-9.1-02', 'EMPA-9.1-03', 'EMPA-9.1-04', 'EMPA-9.1-10',
      'EMPA-9.1-11', 'EMPA-12-01')
def reads_a_request_may_ask_for(dev):
    """Each edge of both: ORD within the peer's IRD, IRD as its ORD wants it as
    far as the device can (128), and what is not negotiated stays so."""
    def request(ird, ord_):
        dev.listen(ird=2, ord=3)
        p = dev.peer(gate=False, rev=2, block=peer.enhanced(ird, ord_))
        got = block_of(p.block)
        need(got['ord'] == (NONE if ird == NONE else min(ird, 3)),
             f'ORD {got["ord"]}')
        need(got['ird'] == NONE if ord_ == NONE else
             max(1, min(ord_, 2)) <= got['ird'] <= 1024, f'IRD {got["ird"]}')
        need(ord_ > 128 or got['ird'] >= ord_, f'IRD {got["ird"]}')
        p.close()
    each('IRD, ORD', itertools.product(EDGES, EDGES), request)


@case('EMPA-9.1-06', 'EMPA-9.1-07', 'EMPA-9.1-08', 'EMPA-9.1-12',
      'EMPA-9.1-13', p2p=0)
def reads_a_reply_may_ask_for(dev):
    """More than the device can is answered by 2/0/06; the rest is agreed."""
    def reply(ird, ord_):
        dev.do('set', 'ird', 2)
        dev.do('set', 'ord', 3)
        p = dev.call()
        p.request = p.recv_startup()
        p.listener.close()
        p.send(reply_to(p, ird=ird, ord_=ord_))
        if 128 < ord_ < NONE:
            terminates(p, '2/0/06')
            dev.none(f'ESTABLISHED.*conn {p.n} ')
            return
        dev.expect(f'ESTABLISHED 0 .*conn {p.n} ')
        _, got_ird, got_ord = map(int, dev.do('query', p.n).split())
        need(got_ord <= min(3, ird), f'ORD {got_ord}')
        need(got_ird >= 2, f'IRD {got_ird}')
        p.close()
    each('IRD, ORD', itertools.product(EDGES, EDGES), reply)


# markers and RTR

def served_rtr(dev, p, kind):
    """The peer says its RTR and a message, and gets one."""
    rtr, msn = RTRS[kind]
    p.send_fpdu(rtr)
    if kind == 'd':
        s = p.recv_segment()
        need((s.op, s.payload, s.crc_good) == (READ_RESP, b'', True),
             f'{s.ulpdu.hex()}')
    p.send_fpdu(peer.untagged(SEND, msn, b'x' * 600))
    dev.received(p, 0, 600)
    dev.post(p, 'send', 1, 700, off=1024)
    s = p.recv_segment()
    need((s.payload, s.crc_good) == (pattern(700, 1024), True), 'message')


def markers_of_a_responder(dev):
    dev.listen(recv_len=1000)
    for kind in RTRS:
        for flags in (C, C | M):
            p = dev.peer(gate=False, flags=flags, rev=2,
                         block=peer.enhanced(2, 2, a=1, **{kind: 1}))
            served_rtr(dev, p, kind)
            if flags & M:
                check_markers(p, 2)


def markers_of_an_initiator(dev):
    dev.listen(recv_len=1000)
    for kind in RTRS:
        for flags in (C, C | M):
            p = dev.call()
            p.request = p.recv_startup()
            p.send(reply_to(p, flags, **{'b': 0, 'c': 0, 'd': 0, kind: 1}))
            s = p.recv_segment()
            need(s.op == SHAPES[kind][0] and s.crc_good, f'{s.ulpdu.hex()}')
            if kind == 'd':
                sink, to = struct.unpack('>IQ', s.payload[:12])
                p.send_fpdu(peer.tagged(READ_RESP, sink, to))
            dev.expect(f'ESTABLISHED 0 .*conn {p.n} ')
            p.send_fpdu(peer.untagged(SEND, 1, b'x' * 600))
            dev.received(p, 0, 600)
            dev.post(p, 'send', 1, 700, off=1024)
            s = served(p)
            need((s.payload, s.crc_good) == (pattern(700, 1024), True), 'message')
            if flags & M:
                check_markers(p, 2)


@case('MPA-4.3-12', 'MPA-4.3-02', 'EMPA-9.2-15')
def rtr_and_markers_of_a_responder(dev):
    markers_of_a_responder(dev)


@case('MPA-4.3-12', 'MPA-7.1.1-05', 'EMPA-9.2-15', markers=1)
def rtr_and_markers_both_ways_of_a_responder(dev):
    markers_of_a_responder(dev)


@case('MPA-4.3-12', 'MPA-4.3-02', 'EMPA-9.2-15')
def rtr_and_markers_of_an_initiator(dev):
    markers_of_an_initiator(dev)


@case('MPA-4.3-12', 'MPA-7.1.1-05', 'EMPA-9.2-15', markers=1)
def rtr_and_markers_both_ways_of_an_initiator(dev):
    markers_of_an_initiator(dev)


# private data, and what is none of all that

@case('MPA-7.1.1-21', 'MPA-7.1.1-20', 'EMPA-6-06')
def private_data_of_every_length(dev):
    """What rdma_cm can take (255) arrives, what it cannot is refused (rule 9),
    whichever the revision is."""
    for n in range(0, 509):
        enhanced = n & 1
        pd = bytes(i & 0xff for i in range(n, 2 * n))
        p = dev.tcp()
        p.send(peer.mpa(REQ, C | (S if enhanced else 0), 1 + enhanced,
                        (BLOCK if enhanced else b'') + pd))
        if n > 255:
            closes(p)
        else:
            need(p.recv_startup()[0] == REP, f'{n} octets: no Reply')
            dev.expect(f'REQUEST 0 pd {n} conn {dev.conns} .*data *{pd.hex()}$')
            dev.conns += 1
        p.close()
    dev.none(f'REQUEST .*conn {dev.conns} ')


@case('MPA-8-04', 'MPA-7.1.2-03', 'MPA-7.1.1-02')
def noise(dev):
    """Requests with a few bits wrong, and anything at all: a Reply that fits, or
    an end, but nothing in between."""
    random = Random(5044)
    dev.listen(recvs=1, reap=1)
    for i in range(150):
        octets = bytearray(peer.mpa(REQ, C | S, 2, BLOCK + b'data'))
        for _ in range(random.randrange(1, 4)):
            octets[random.randrange(len(octets))] ^= 1 << random.randrange(8)
        if i % 5 == 0:
            octets = random.randbytes(random.randrange(20, 700))
        p = dev.tcp()
        try:
            p.send(octets)
            p.shut()
            key, flags, rev, _ = p.recv_startup()
        except (Closed, OSError) as end:
            need(not isinstance(end, TimeoutError), f'{octets.hex()}: no end')
            p.close()
            continue
        need((key, bool(flags & S), rev) ==
             (REP, rev == 2 and bool(octets[16] & S), octets[17]),
             f'{octets.hex()}: {key} {flags:#x} {rev}')
        p.close()
