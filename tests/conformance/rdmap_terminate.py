# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5040 sections 4.1, 4.8, 5.4 and 7: opcodes, versions, Terminates."""

from suite import *


def header(u):
    return struct.pack('>H', len(u)) + u


def fails(dev, want, u, gate=True):
    p = dev.peer(gate=gate)
    p.send(p.fpdu(u) + p.fpdu(peer.untagged(SEND, 1, b'x')))
    try:
        terminates(p, want, u)
    except Wrong as why:
        raise Wrong(f'{u[:2].hex()}: {why}') from None
    dev.down(p)
    dev.expect(f'^{p.n} recv (?!.*success)', count=4)
    need(dev.mem(own(p), 0, 16) == pattern(16), 'placed')


def some(dev):
    """An STag and a TO that a segment might have: of a connection."""
    p = dev.peer()
    return p.stag, p.to


# opcodes and versions

@case('RDMAP-7.2-02', 'IANA-3.4-01', 'EXT-1.1-01')
def opcode_unknown(dev):
    for op in range(8, 16):
        fails(dev, '0/2/06', peer.untagged(op, 1, b'12345678'))
    for op in range(8, 16):
        fails(dev, '0/2/06', peer.tagged(op, 1, 0, b'12345678'))


@case('EXT-1.1-01')
def opcode_of_an_atomic(dev):
    """RFC 7306 is not here: QN 1 and QN 3."""
    fails(dev, '0/2/06', peer.untagged(10, 1, bytes(52), qn=1))
    fails(dev, '1/2/01', peer.untagged(11, 1, bytes(12), qn=3))


@case('RDMAP-7.2-03', 'RDMAP-4.1-05')
def opcode_unfit(dev):
    stag, to = some(dev)
    for op in (SEND, SEND_INV, SEND_SE, SEND_SE_INV, TERM, READ_REQ):
        fails(dev, '0/2/06', peer.tagged(op, stag, to, b'x' * 28))
    for op in (WRITE, READ_RESP):
        fails(dev, '0/2/06', peer.untagged(op, 1, b'x' * 28))
    for op, qn in ((READ_REQ, 0), (SEND, 1), (SEND_SE, 1), (TERM, 0), (TERM, 1),
                   (SEND, 2), (READ_REQ, 2)):
        fails(dev, '0/2/06', peer.untagged(op, 1, b'x' * 28, qn=qn))


@case('RDMAP-7.2-04', 'RDMAP-7.2-12')
def rdmap_version(dev):
    stag, to = some(dev)
    for rv in (0, 0x80, 0xc0):
        for u in (peer.tagged(WRITE, stag, to, b'x', rdmap=rv),
                  peer.untagged(SEND, 1, b'x', rdmap=rv | SEND),
                  peer.read_request(1, 4, 1, 0, stag, to, rdmap=rv | READ_REQ),
                  peer.untagged(TERM, 1, bytes(4), qn=2, rdmap=rv | TERM)):
            fails(dev, '0/2/05', u)


@case('RDMAP-7.2-12')
def two_faults_in_one_segment(dev):
    """The first one in the order of D-27 is reported."""
    stag, to = some(dev)
    for want, u in (
            ('1/2/06', peer.untagged(SEND, 9, b'x', qn=9, control=0x42)),
            ('1/2/01', peer.untagged(SEND, 9, b'x', qn=9, rdmap=0x83)),
            ('0/2/05', peer.untagged(12, 9, b'x', rdmap=0x8c)),
            ('0/2/06', peer.untagged(12, 9, b'x')),
            ('1/2/03', peer.untagged(SEND, 9, b'x' * 999)),
            ('1/2/04', peer.untagged(SEND, 1, b'x' * 999, mo=999)),
            ('1/1/04', peer.tagged(WRITE, 5, 0, b'x', control=0xc2, rdmap=0)),
            ('0/2/05', peer.tagged(13, 5, 0, b'x', rdmap=0x8d)),
            ('1/1/00', peer.tagged(WRITE, stag ^ 0x100, (1 << 64) - 1, b'xx')),
            ('1/1/02', peer.tagged(WRITE, stag, (1 << 64) - 1, b'xx'))):
        fails(dev, want, u)


@case('RDMAP-7.1-05', 'DDP-7.1-16')
def two_faults_in_two_segments(dev):
    p = dev.peer()
    u = peer.tagged(WRITE, 5, 0, b'x')
    p.send(p.fpdu(u) + p.fpdu(peer.untagged(SEND, 1, b'x', rdmap=0x83)) +
           p.fpdu(peer.untagged(SEND, 1, b'x'), damage=1))
    terminates(p, '1/1/00', u)


# Terminates of the peer

def ends(dev, p, body, **how):
    """It gets a FIN for it, no more."""
    p.send_fpdu(peer.untagged(TERM, 1, body, qn=2, **how))
    segments, reset = everything(p)
    need(not segments, f'an answer: {[s.ulpdu.hex() for s in segments]}')
    need(not reset, 'RST')


def all_end(dev, bodies):
    """Each of them a connection of its own."""
    for body in bodies:
        p = dev.peer()
        ends(dev, p, body)
        dev.down(p, receives=4)
        p.close()


TRIPLES = ([(0, 0, 0), (0, 0, 7)] +
           [(0, 1, c) for c in (0, 1, 2, 3, 4, 9, 0xff)] +
           [(0, 2, c) for c in (5, 6, 7, 8, 9, 0xff)] +
           [(1, 0, 0)] + [(1, 1, c) for c in range(5)] +
           [(1, 2, c) for c in range(1, 7)] + [(1, 3, 1)] +
           [(2, 0, c) for c in range(1, 8)] + [(2, 3, 2), (5, 10, 0x77)])


@case('RDMAP-5.4-03', 'RDMAP-3.2-04', 'RDMAP-6.2.1-02', 'RDMAP-5.4-04',
      'IANA-3-02')
def every_code(dev):
    """All that are registered, two that hardware sends, one that nobody knows:
    what was outstanding completes in error, Reads too."""
    for triple in TRIPLES:
        p = dev.peer()
        dev.post(p, 'read', 1, 8, stag=5)
        need(p.recv_segment().op == READ_REQ, 'no Read Request')
        layer, etype, ecode = triple
        ends(dev, p, bytes([layer << 4 | etype, ecode, 0, 0]))
        dev.down(p, receives=4)
        dev.expect(f'^{p.n} sent 1 (?!success)')
        p.close()


@case('RDMAP-5.4-02')
def no_buffers_are_left(dev):
    dev.listen(recvs=0)
    p = dev.peer()
    ends(dev, p, bytes.fromhex('20020000'))
    dev.down(p)


@case('RDMAP-4.8-11', 'RDMAP-4.8-03')
def every_form(dev):
    u = peer.tagged(WRITE, 1, 2, b'x')
    r = peer.read_request(1, 2, 3, 4, 5, 6)
    all_end(dev, (bytes.fromhex('20020000'),
                  bytes.fromhex('20021fff'),
                  bytes.fromhex('20020000') + bytes(2),
                  bytes.fromhex('1100c000') + header(u[:14]),
                  bytes.fromhex('1202c000') + header(r[:18]),
                  bytes.fromhex('0100e000') + header(r),
                  bytes.fromhex('0100e000') + header(r) + bytes(8),
                  bytes.fromhex('11008000') + b'\0\x20',
                  bytes.fromhex('00000000') + bytes(48)))


@case('RDMAP-4.8-12')
def too_short(dev):
    all_end(dev, (b'', b'\x20', b'\x20\x02', b'\x20\x02\0',
                  bytes.fromhex('0100e000'), bytes.fromhex('1100c0000012'),
                  bytes.fromhex('0100e000') + bytes(20)))


@case('RDMAP-5.4-03')
def odd_headers(dev):
    """The stream is at its end: no answer would help (docs/divergences.md)."""
    for how in ({'mo': 4}, {'last': False}):
        p = dev.peer()
        p.send_fpdu(peer.untagged(TERM, 1, bytes.fromhex('20020000'), qn=2,
                                  **how))
        p.shut()
        segments, _ = everything(p)
        need(not segments, 'an answer')
        dev.down(p, receives=4)


@case('RDMAP-5.4-09')
def more_behind_it(dev):
    p = dev.peer()
    t = peer.untagged(TERM, 1, bytes.fromhex('20020000'), qn=2)
    p.send(p.fpdu(t) + p.fpdu(t) + p.fpdu(peer.untagged(SEND, 1, b'x')) +
           p.fpdu(peer.tagged(WRITE, 5, 0, b'x')))
    segments, _ = everything(p)
    need(not segments, 'an answer')
    dev.down(p, receives=4)
    dev.none('recv .* success')


@case('RDMAP-5.4-08')
def both_at_once(dev):
    """Ours is out when the peer's comes."""
    p = dev.peer()
    u = peer.tagged(WRITE, 5, 0, b'x')
    p.send_fpdu(u)
    time.sleep(0.05)
    try:
        p.send_fpdu(peer.untagged(TERM, 1, bytes.fromhex('20020000'), qn=2))
    except OSError:
        pass
    terminates(p, '1/1/00', u)
    dev.down(p, receives=4)


@case('RDMAP-5.4-06', 'RDMAP-5.4-04')
def in_the_middle_of_our_message(dev):
    p = dev.peer(flags=0)
    dev.mr(0, p.n, 16 << 20)
    for i in range(4):
        dev.post(p, 'write', i, 16 << 20, slot=0, stag=5)
    p.recv_segment()
    p.send_fpdu(peer.untagged(TERM, 1, bytes.fromhex('20020000'), qn=2))
    segments, _ = everything(p)
    need(all(s.op == WRITE for s in segments), 'half an FPDU')
    need(sum(len(s.payload) for s in segments) < 64 << 20, 'it went on')
    dev.expect(f'^{p.n} sent .*(?!success)', count=4)


@case('RDMAP-5.4-07', 'RDMAP-5.4-01', 'RDMAP-5.4-05')
def ours_in_the_middle_of_our_message(dev):
    """Between whole FPDUs, and it need not wait for the end."""
    p = dev.peer(flags=0)
    dev.mr(0, p.n, 16 << 20)
    for i in range(4):
        dev.post(p, 'write', i, 16 << 20, slot=0, stag=5)
    p.recv_segment()
    u = peer.tagged(WRITE, 5, 0, b'x')
    p.send_fpdu(u)
    before = terminates(p, '1/1/00', u, before={WRITE})
    need(sum(len(s.payload) for s in before) < 64 << 20, 'at the end')
    need(not before[-1].last or len(before) < 4, 'not in the middle')
