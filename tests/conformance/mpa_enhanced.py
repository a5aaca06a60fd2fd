# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 6581: IRD and ORD, and how the responder learns that it may send."""

from suite import *

NONE = 0x3fff			# not negotiated
MOST = 0x3ffe


def asked(dev, block, flags=C | S, rev=2, values=None):
    """The Reply to a Request with this block: (flags, rev, block)"""
    dev.listen(**values or {})
    p = dev.tcp()
    p.send(peer.mpa(REQ, flags, rev, block))
    key, got, rev, data = p.recv_startup()
    need(key == REP, f'key {key}')
    dev.joined(p)
    return got, rev, data


def answer(dev, values=None, **block):
    flags, rev, data = asked(dev, peer.enhanced(**block), values=values)
    need(flags & S and not flags & R and rev == 2,
         f'flags {flags:#x}, revision {rev}')
    return block_of(data)


def calls(dev, want=None, flags=C, **block):
    """Our side connects and gets such a Reply: the peer, then."""
    p = dev.call()
    p.request = p.recv_startup()
    p.send(reply_to(p, flags, **block))
    if want:
        terminates(p, want)
        dev.none(f'ESTABLISHED.*conn {p.n} ')
        dev.expect(f'event .*conn {p.n} ')
    return p


# the frames

@case('EMPA-6-01', 'EMPA-6-02', 'EMPA-9-01', 'EMPA-9.2-01', 'EMPA-9.2-02',
      'EMPA-6-09')
def request_layout(dev):
    dev.listen(ird=3, ord=2)
    _, flags, rev, data = dev.call().recv_startup()
    need(flags & S and not flags & 0xf and rev == 2, f'{flags:#x} {rev}')
    need(block_of(data) == {'a': 1, 'b': 1, 'c': 1, 'd': 1, 'ird': 3,
                            'ord': 2}, f'block {data[:4].hex()}')


def request_offers(dev, rtr):
    """Every kind that is supported, and no other."""
    got = block_of(dev.call().recv_startup()[3])
    need((got['a'], got['b'] * RTR_SEND | got['c'] * RTR_WRITE |
          got['d'] * RTR_READ) == (1, rtr), f'{got}')


for _rtr in range(1, 8):
    def _offers(dev, rtr=_rtr):
        request_offers(dev, rtr)
    _offers.__name__ = f'request_offers_{_rtr}'
    case('EMPA-9.2-02', rtr=_rtr)(_offers)


@case('EMPA-9.2-11', 'EMPA-9.2-01', 'EMPA-5-02', p2p=0)
def request_of_a_client(dev):
    got = block_of(dev.call().recv_startup()[3])
    need(not any(got[k] for k in 'abcd'), f'{got}')


@case('EMPA-9.1-14')
def request_of_many_reads(dev):
    dev.listen(ird=255, ord=255)
    got = block_of(dev.call().recv_startup()[3])
    need(0 < got['ird'] < NONE and 0 < got['ord'] < NONE, f'{got}')


@case('EMPA-6-01', 'EMPA-10-01')
def reply_is_enhanced(dev):
    flags, rev, data = asked(dev, peer.enhanced(4, 4))
    need(flags & S and rev == 2 and len(data) >= 4, f'{flags:#x} {rev}')


@case('EMPA-10-01')
def reject_is_enhanced(dev):
    flags, rev, data = asked(dev, peer.enhanced(4, 4, a=1, d=1),
                             values={'answer': 1})
    need((flags & (S | R), rev) == (S | R, 2) and len(data) >= 4,
         f'{flags:#x} {rev} {data}')


@case('EMPA-6-07')
def request_without_room_for_the_block(dev):
    for n in range(4):
        p = dev.tcp()
        p.send(peer.mpa(REQ, C | S, 2, bytes(n)))
        closes(p)
    dev.none('REQUEST')


@case('EMPA-6-07')
def reply_without_room_for_the_block(dev):
    for n in range(4):
        p = dev.call()
        p.recv_startup()
        p.listener.close()
        p.send(peer.mpa(REP, C | S, 2, b'\x80' * n))
        closes(p)
        dev.expect(f'event .*conn {p.n} ')
        dev.none('ESTABLISHED')


@case('EMPA-6-08')
def request_of_revision_2_without_block(dev):
    """Private data is private data, then, and the answer is of the kind."""
    flags, rev, _ = asked(dev, b'\x80\x02\xc0\x02', flags=C)
    need(not flags & S and rev == 2, f'flags {flags:#x}, revision {rev}')
    dev.expect('REQUEST 0 pd 4 .*data 8002c002$')


@case('EMPA-6-09')
def request_with_reserved_bits(dev):
    flags, rev, _ = asked(dev, peer.enhanced(4, 4), flags=0x5f)
    need(flags & 0x1f == S and rev == 2, f'flags {flags:#x}')


@case('EMPA-10-03', rev=1)
def request_to_revision_1(dev):
    p = dev.tcp()
    p.send(peer.mpa(REQ, C | S, 2, peer.enhanced(4, 4)))
    closes(p)


# IRD and ORD

@case('EMPA-9.1-02', 'EMPA-12-01')
def responder_ord_within_the_peers_ird(dev):
    for ird in (0, 1, 2, 4, 9, MOST):
        got = answer(dev, {'ord': 8}, ird=ird, ord_=1)
        need(got['ord'] <= min(ird, 8), f'ORD {got["ord"]} for IRD {ird}')


@case('EMPA-9.1-03', 'EMPA-9.1-04', 'EMPA-12-01')
def responder_ird_for_the_peers_ord(dev):
    for ord_ in (0, 1, 2, 16, 32, 100):
        got = answer(dev, {'ird': 2}, ird=1, ord_=ord_)
        need(max(ord_, 1) <= got['ird'] < NONE,
             f'IRD {got["ird"]} for ORD {ord_}')
    got = answer(dev, ird=MOST, ord_=MOST)
    need(0 < got['ird'] <= 1024 and got['ord'] <= 1024, f'{got}')


@case('EMPA-9.1-04')
def responder_ird_for_a_read_as_rtr(dev):
    need(answer(dev, {'ird': 0}, ord_=0, a=1, d=1)['ird'] >= 1, 'IRD 0')


@case('EMPA-9.1-03', 'RDMAP-5.2.2-02', 'RDMAP-5.2.1-02', 'RDMAP-5.2.1-05')
def responder_serves_as_many_reads_as_it_said(dev):
    p = dev.peer(flags=C, rev=2, block=peer.enhanced(4, 16))
    n = block_of(p.block)['ird']
    need(n >= 16, f'IRD {n}')
    p.send(b''.join(p.fpdu(peer.read_request(i, 8, i, 0, p.stag, p.to + i))
                    for i in range(1, n + 1)))
    for i in range(1, n + 1):
        s = p.recv_segment()
        need((s.op, s.stag, s.payload) == (READ_RESP, i, pattern(8, i)),
             f'Response {i}: {s.ulpdu.hex()}')


@case('EMPA-9.1-10', 'EMPA-9.1-11')
def responder_does_not_negotiate_reads(dev):
    got = answer(dev, ird=NONE, ord_=NONE)
    need((got['ird'], got['ord']) == (NONE, NONE), f'{got}')
    got = answer(dev, ird=NONE, ord_=2)
    need(got['ord'] == NONE != got['ird'], f'{got}')
    got = answer(dev, ird=2, ord_=NONE)
    need(got['ird'] == NONE != got['ord'], f'{got}')


@case('EMPA-9.1-01', 'EMPA-9.1-02')
def responder_program_sees_reads(dev):
    answer(dev, ird=3, ord_=2)
    dev.expect('REQUEST .* ird 2 ord 3 ')


@case('EMPA-9.1-09', 'EMPA-9.1-01')
def initiator_program_sees_reads(dev):
    dev.listen(ird=1, ord=4)
    dev.called(ird=2, ord_=3)
    dev.expect('ESTABLISHED .* ird 3 ord 2 ')


def reads_outstanding(dev, p, posted, want):
    """Our side is to read that often: it has so many Reads on the way."""
    for i in range(posted):
        dev.post(p, 'read', i, 8, stag=77, to=0)
    requests = []
    while len(requests) < want:
        s = p.recv_segment()
        if s.op == READ_REQ:
            requests.append(s)
    quiet(p)
    return requests


@case('EMPA-9.1-07', 'RDMAP-6.1-03', 'RDMAP-8.1.1-11', 'SEC-6.4.3.3-03',
      'RDMAP-5.2.1-04', p2p=0)
def initiator_ord_within_the_replys_ird(dev):
    for ird in (1, 2, 3):
        dev.do('set', 'ord', 4)
        p = dev.called(ird=ird)
        got = reads_outstanding(dev, p, 10, ird)
        for want in range(ird, 10):
            sink, to = struct.unpack('>IQ', got[-1].payload[:12])
            for s in got:
                sink, to = struct.unpack('>IQ', s.payload[:12])
                p.send_fpdu(peer.tagged(READ_RESP, sink, to, b'12345678'))
                more = p.recv_segment() if want < 10 else None
                got = got[1:] + [more]
                break
        need([s.msn for s in got] == list(range(11 - ird, 11)),
             f'MSNs {[s.msn for s in got]}')


@case('EMPA-9.1-02', 'RDMAP-6.1-03')
def responder_reads_within_the_initiators_ird(dev):
    dev.listen(ord=4)
    p = dev.peer(rev=2, block=peer.enhanced(2, 2))
    reads_outstanding(dev, p, 6, 2)


@case('EMPA-9.1-06', p2p=0)
def initiator_ird_for_the_replys_ord(dev):
    for n in (1, 8, 16):
        p = dev.called(ord_=n)
        stag, to = dev.mr(n, p.n, 64)
        p.send(b''.join(p.fpdu(peer.read_request(i, 4, i, 0, stag, to))
                        for i in range(1, n + 1)))
        for i in range(1, n + 1):
            need(p.recv_segment().stag == i, 'order of Responses')


@case('EMPA-9.1-08', 'EMPA-8-01', 'RDMAP-4.8-07')
def initiator_ird_that_cannot_be(dev):
    for ord_ in (1000, MOST):
        calls(dev, '2/0/06', ord_=ord_)


@case('EMPA-9.1-12', 'EMPA-9.1-13', p2p=0)
def initiator_reads_are_not_negotiated(dev):
    dev.listen(ird=5, ord=3)
    p = dev.called(ird=NONE, ord_=NONE)
    reads_outstanding(dev, p, 6, 3)
    stag, to = dev.mr(0, p.n, 64)
    for i in range(1, 6):
        p.send_fpdu(peer.read_request(i, 4, i, 0, stag, to))
        need(p.recv_segment().stag == i, 'Response')


@case('RDMAP-6.1-06', p2p=0)
def ord_0(dev):
    """A Read that may never leave is not left waiting for ever."""
    dev.listen(ord=0)
    p = dev.called()
    rv = dev.do('post', p.n, 'read', 1, own(p), 0, 8, 77, 0, '-')
    if rv == '0':
        dev.expect(f'{p.n} sent 1 (?!success)')


# ready to receive

@case('EMPA-9.2-04', 'EMPA-9.2-05', 'EMPA-9.2-06', 'EMPA-9.2-07', 'EMPA-9.2-03')
def responder_picks_one_of_those_offered(dev):
    for mask in range(1, 8):
        offer = {'b': mask & 1, 'c': mask >> 1 & 1, 'd': mask >> 2}
        got = answer(dev, ird=2, ord_=2, a=1, **offer)
        picked = [k for k in 'bcd' if got[k]]
        need(got['a'] and len(picked) == 1 and offer[picked[0]],
             f'{offer}: {got}')
        need(picked[0] == ('d' if offer['d'] else 'c' if offer['c'] else 'b'),
             f'{picked} of {offer}')


@case('EMPA-9.2-08', 'EMPA-9.2-03', rtr=RTR_SEND)
def responder_has_none_of_those_offered(dev):
    got = answer(dev, ird=2, ord_=2, a=1, d=1)
    need(got['a'] and got['b'], f'{got}')


@case('EMPA-9.2-08', 'EMPA-9.2-04')
def responder_is_offered_none(dev):
    got = answer(dev, ird=2, ord_=2, a=1)
    need(got['a'] and (got['b'] or got['c'] or got['d']), f'{got}')


@case('EMPA-9.2-12', 'EMPA-9.2-13')
def responder_to_a_client(dev):
    got = answer(dev, ird=2, ord_=2, a=0, b=1, c=1, d=1)
    need(not any(got[k] for k in 'abcd'), f'{got}')


def peer_to_peer(dev, kind, rtr, msn):
    """The RTR goes unseen, and a first message lands in the first buffer."""
    for ird, ord_ in ((0, 0), (1, 0), (0, 1), (1, 1), (32, 32), (NONE, NONE)):
        p = dev.peer(gate=False, rev=2,
                     block=peer.enhanced(ird, ord_, a=1, **{kind: 1}))
        need(block_of(p.block)[kind], f'{block_of(p.block)}')
        quiet(p, 0.03)
        p.send_fpdu(rtr)
        if kind == 'd':
            s = p.recv_segment()
            need((s.op, s.stag, s.to, s.payload, s.last) ==
                 (READ_RESP, 1, 0, b'', True), f'{s.ulpdu.hex()}')
        dev.expect(f'ESTABLISHED .*conn {p.n} ')
        p.send_fpdu(peer.untagged(SEND, msn, b'hello'))
        dev.received(p, 0, 5)
        p.close()


@case('EMPA-9.2-15', 'EMPA-5-03')
def responder_gets_a_send_as_rtr(dev):
    peer_to_peer(dev, 'b', peer.untagged(SEND, 1), 2)


@case('EMPA-9.2-15', 'EMPA-5-03', 'RDMAP-5.1-07')
def responder_gets_a_write_as_rtr(dev):
    peer_to_peer(dev, 'c', peer.tagged(WRITE, 1, 0), 1)


@case('EMPA-9.2-15', 'EMPA-5-03', 'RDMAP-5.2.1-11')
def responder_gets_a_read_as_rtr(dev):
    peer_to_peer(dev, 'd', peer.read_request(1, 0, 1, 0, 1, 0), 1)


@case('EMPA-9.2-15')
def responder_counts_the_read_that_was_rtr(dev):
    p = dev.peer(gate=False, rev=2, block=peer.enhanced(1, 1, a=1, d=1))
    for msn in (1, 2, 3):
        p.send_fpdu(peer.read_request(msn, 0, msn, 0, 1, 0))
        need(p.recv_segment().stag == msn, 'no Response')


@case('EMPA-9.2-16', 'MPA-7.1.2-11')
def responder_gets_another_first_fpdu(dev):
    p = dev.peer(gate=False, rev=2, block=peer.enhanced(2, 2, a=1, d=1))
    p.send_fpdu(peer.untagged(SEND, 1, b'hello'))
    dev.received(p, 0, 5)
    dev.expect('ESTABLISHED')


@case('EMPA-9.1-08', 'RDMAP-5.4-03', 'MPA-7.1.2-11')
def responder_gets_a_terminate_first(dev):
    """The set-up has failed; no Terminate comes back."""
    for word in ('20060000', '20070000', '20050000', '23060000'):
        p = dev.peer(gate=False, rev=2, block=peer.enhanced(2, 2, a=1, d=1))
        p.send_fpdu(peer.untagged(TERM, 1, bytes.fromhex(word), qn=2))
        segments, _ = everything(p)
        need(not segments, 'an answer')
        dev.down(p, receives=4)


SHAPES = {'b': (SEND, 0), 'c': (WRITE, 1), 'd': (READ_REQ, 1)}


def first_fpdu(dev, want, b=0, c=0, d=0, ird=4):
    """What our side sends first when the Reply says so."""
    p = dev.call()
    p.request = p.recv_startup()
    p.send(reply_to(p, b=b, c=c, d=d, ird=ird))
    s = p.recv_segment()
    op, stag = SHAPES[want]
    need(s.op == op and s.last, f'{s.ulpdu.hex()}')
    if op == READ_REQ:
        sink, to, size, src, _ = struct.unpack('>IQIIQ', s.payload)
        need((s.msn, size, to) == (1, 0, 0) and sink and src,
             f'{s.ulpdu.hex()}')
        p.send_fpdu(peer.tagged(READ_RESP, sink, to))
    else:
        need(not s.payload, f'{s.ulpdu.hex()}')
        need(not stag or s.stag and not s.to, f'{s.ulpdu.hex()}')
    dev.expect(f'ESTABLISHED .*conn {p.n} ')
    dev.none(f'^{p.n} (sent|recv) ')
    dev.post(p, 'send', 1, 12)
    # the Write by which a silent responder is woken up may come again
    s = served(p)
    need((s.op, s.msn, len(s.payload)) == (SEND, 1 + (want == 'b'), 12),
         f'{s.ulpdu.hex()}')


@case('EMPA-9.2-09', 'EMPA-9.2-15', 'EMPA-9.2-17', 'EMPA-5-01', 'EMPA-5-03')
def initiator_sends_what_was_agreed(dev):
    for kind in 'bcd':
        first_fpdu(dev, kind, b=kind == 'b', c=kind == 'c', d=kind == 'd')


@case('EMPA-9.2-07', 'EMPA-9.2-09')
def initiator_is_offered_all(dev):
    first_fpdu(dev, 'd', b=1, c=1, d=1)


@case('EMPA-9.2-07', rtr=RTR_WRITE)
def initiator_sends_what_it_offered_itself(dev):
    first_fpdu(dev, 'c', b=1, c=1, d=1)


@case('EMPA-9.2-09', 'EMPA-9.1-07')
def initiator_reads_as_rtr_where_ird_is_0(dev):
    dev.listen(ord=0)
    first_fpdu(dev, 'd', d=1, ird=0)


@case('EMPA-9.2-10', 'EMPA-8-01', rtr=RTR_READ)
def initiator_finds_no_match(dev):
    for kinds in ({'b': 1}, {'c': 1}, {'b': 1, 'c': 1}, {}):
        calls(dev, '2/0/07', **{'b': 0, 'c': 0, 'd': 0, **kinds})


@case('EMPA-9.2-14', 'EMPA-9.2-04')
def initiator_is_answered_as_a_client(dev):
    calls(dev, '2/0/07', a=0, d=0)


@case('EMPA-10-07')
def initiator_is_answered_plainly(dev):
    p = dev.call()
    p.recv_startup()
    p.send(peer.mpa(REP, C, 1))
    closes(p)
    dev.none('ESTABLISHED')


@case('EMPA-10-07', p2p=0)
def initiator_without_rtr_is_answered_plainly(dev):
    p = dev.call()
    p.recv_startup()
    p.send(peer.mpa(REP, C, 1))
    dev.expect('ESTABLISHED')


@case('EMPA-10-04', 'EMPA-10-06')
def initiator_falls_back(dev):
    """RST, or FIN, where a Reply is due: maybe it was the revision."""
    for leave in (Peer.reset, Peer.close):
        p = dev.call()
        need(p.recv_startup()[2] == 2, 'revision')
        leave(p)
        q = Peer.accept(p.listener, PATIENCE)
        key, flags, rev, _ = q.recv_startup()
        need((key, flags & S, rev) == (REQ, 0, 1), f'{flags:#x} {rev}')
        q.request = key, flags, rev, b''
        q.send(reply_to(q))
        dev.expect(f'ESTABLISHED .*conn {p.n} ')


@case('EMPA-10-06', rev=1)
def initiator_does_not_fall_back_twice(dev):
    p = dev.call()
    p.recv_startup()
    p.reset()
    dev.expect(f'event (?!.*ESTABLISHED).*conn {p.n} ')


@case('EMPA-9.2-01', 'EMPA-9.2-13', p2p=0)
def client_server(dev):
    """No RTR: the first FPDU is the program's."""
    p = dev.called()
    quiet(p, 0.1)
    dev.post(p, 'send', 1, 12)
    s = p.recv_segment()
    need((s.op, s.msn, len(s.payload)) == (SEND, 1, 12), f'{s.ulpdu.hex()}')
