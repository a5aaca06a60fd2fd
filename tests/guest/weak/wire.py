# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""What a peer on a plain socket can do to us, and what it must get back.

	wire.py DUT ADDRESS SECONDS DIR TEST...	(PYTHONPATH: tests/wire)

DUT is the program built from dut.c. For each test, which has so many seconds, one
line with its name and its status: 1 if our side is wrong, after "why: ..." in
DIR/TEST.log. The faults are those that brought down or confused other drivers
(peers.md B.2: 5, 7, 13, 14, 21, 28, and B.5).
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback

import dut
import peer
from dut import Wrong, need, refused, terminated
from peer import (C, M, R, S, REP, REQ, READ_REQ, READ_RESP, SEND, TERM, WRITE,
                  Closed, Peer)


class Dut(dut.Dut):
    """Our side, which is still of use to others."""

    def alive(self):
        """Somebody else can still connect and talk."""
        p = self.connect()
        self.lines.clear()
        p.send_fpdu(peer.untagged(SEND, 1, b'hello'))
        self.expect(r'recv 0 success 5')
        p.close()


# our side listens

def test_hello(dut):
    dut.listen()
    dut.alive()


def test_crc_off(dut):
    dut.listen()
    p = dut.connect(flags=0)
    need(not p.crc, 'CRC on although nobody asked for it')
    p.send(peer.fpdu(peer.untagged(SEND, 1, b'x' * 99), crc=False))
    dut.expect('recv 0 success 99')


def cut_up(dut, octets):
    dut.listen()
    p = dut.connect()
    for i in range(3):
        p.send_fpdu(peer.untagged(SEND, i + 1, bytes(range(i + 30))),
                    cut=octets)
    for i in range(3):
        dut.expect(f'recv {i} success {i + 30}')
    p.send_fpdu(peer.tagged(WRITE, dut.stag, dut.to, b'abcdefg'), cut=octets)
    p.send_fpdu(peer.read_request(1, 7, 0x99, 5, dut.stag, dut.to), cut=octets)
    need(p.recv_segment().payload == b'abcdefg', 'not what was written')


def test_cut_1(dut):
    cut_up(dut, 1)


def test_cut_3(dut):
    cut_up(dut, 3)


def test_cut_7(dut):
    cut_up(dut, 7)


def test_slow_request(dut):
    dut.listen()
    p = Peer.connect(dut.addr, dut.port)
    p.send(peer.mpa(REQ, C, 1, b'private'), cut=1)
    need(p.recv_startup()[0] == REP, 'no Reply')


def test_early_fpdus(dut):
    """Two messages in the segment behind the Reply, then silence."""
    dut.listen()
    for i in range(10):
        p = dut.connect()
        p.send(peer.fpdu(peer.untagged(SEND, 1, b'a' * 10)) +
               peer.fpdu(peer.untagged(SEND, 2, b'b' * 20)))
        dut.expect(f'^{i} recv 0 success 10')
        dut.expect(f'^{i} recv 1 success 20')


def test_read(dut):
    dut.listen()
    p = dut.connect()
    for msn, (off, size) in enumerate(((0, 1), (3, 1000), (4090, 32),
                                       (1, 60000)), 1):
        p.send_fpdu(peer.read_request(msn, size, 0x1234, 1 << 40,
                                      dut.stag, dut.to + off))
        data = b''
        while len(data) < size:
            s = p.recv_segment()
            need(s.crc_good, 'bad CRC')
            need((s.tagged, s.op, s.stag, s.dv, s.rv) ==
                 (True, READ_RESP, 0x1234, 1, 1), 'not a Read Response')
            need(s.to == (1 << 40) + len(data), f'at {s.to:#x}')
            data += s.payload
            need(s.last == (len(data) == size), 'L')
        want = bytes((i * 3 + 1) & 0xff for i in range(off, off + size))
        need(data == want, f'wrong data at {off}, {size} octets')


def test_zero_length(dut):
    """Nothing to place, so the STags must not be looked at (RFC 5041 5.2)."""
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.tagged(WRITE, 0, 0))
    p.send_fpdu(peer.untagged(SEND, 1))
    dut.expect('recv 0 success 0')
    p.send_fpdu(peer.read_request(1, 0, 0x77, 0, 0x5555, 0))
    s = p.recv_segment()
    need((s.op, s.stag, s.payload, s.last) == (READ_RESP, 0x77, b'', True),
         'no empty Read Response')


def test_read_bad_stag(dut):
    dut.listen()
    p = dut.connect()
    u = peer.read_request(1, 64, 1, 0, dut.stag ^ 0x100, dut.to)
    p.send_fpdu(u)
    terminated(p, (0, 1, 0), header=u, rdma=True)


def test_read_bad_key(dut):
    dut.listen()
    p = dut.connect()
    u = peer.read_request(1, 64, 1, 0, dut.stag ^ 1, dut.to)
    p.send_fpdu(u)
    terminated(p, (0, 1, 0), header=u, rdma=True)


def test_read_bounds(dut):
    dut.listen()
    p = dut.connect()
    u = peer.read_request(1, dut.len, 1, 0, dut.stag, dut.to + 1)
    p.send_fpdu(u)
    terminated(p, (0, 1, 1), header=u, rdma=True)


def test_read_wrap(dut):
    dut.listen()
    p = dut.connect()
    u = peer.read_request(1, 0x2000, 1, 0, dut.stag, 2**64 - 0x1000)
    p.send_fpdu(u)
    terminated(p, (0, 1, 4), (0, 1, 1), header=u, rdma=True)


def test_write_bad_stag(dut):
    dut.listen()
    p = dut.connect()
    u = peer.tagged(WRITE, dut.stag ^ 0x100, dut.to, b'x' * 64)
    p.send_fpdu(u)
    terminated(p, (1, 1, 0), (0, 1, 0), header=u)


def test_write_bounds(dut):
    dut.listen()
    p = dut.connect()
    u = peer.tagged(WRITE, dut.stag, dut.to + dut.len - 63, b'x' * 64)
    p.send_fpdu(u)
    terminated(p, (1, 1, 1), (0, 1, 1), header=u)


def test_write_wrap(dut):
    dut.listen()
    p = dut.connect()
    u = peer.tagged(WRITE, dut.stag, 2**64 - 32, b'x' * 64)
    p.send_fpdu(u)
    terminated(p, (1, 1, 3), (1, 1, 1), (0, 1, 4), header=u)


def test_bad_crc(dut):
    dut.listen()
    p = dut.connect()
    # the responder may not send, not even a Terminate, before this
    p.send_fpdu(peer.untagged(SEND, 1, b'first'))
    p.send_fpdu(peer.untagged(SEND, 2, b'x' * 50), damage=0x1000)
    terminated(p, (2, 0, 2))
    need(not dut.seen('recv 1 success'), 'a message with a bad CRC arrives')


def test_bad_crc_first(dut):
    """The same without the first message: nothing but an end."""
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(SEND, 1, b'x' * 50), damage=0x1000)
    refused(p)
    need(not dut.seen('recv 0 success'), 'a message with a bad CRC arrives')


def test_bad_crc_write(dut):
    """Not even placed: the CRC comes first. Its STag is wrong as well, and the
    Terminate tells which was looked at first."""
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(SEND, 1, b'first'))
    p.send_fpdu(peer.tagged(WRITE, 0xdeadbe00, 0, b'x' * 50), damage=1)
    terminated(p, (2, 0, 2))


def test_incomplete_fpdu(dut):
    """A header may not be acted on before its FPDU is complete."""
    dut.listen()
    p = dut.connect()
    p.send(peer.fpdu(peer.tagged(WRITE, 0xdeadbe00, 0, b'x' * 500))[:100])
    p.sock.settimeout(0.7)
    try:
        p.recv(1)
        raise Wrong('an answer to half an FPDU')
    except TimeoutError:
        pass


def test_length_1(dut):
    dut.listen()
    p = dut.connect()
    p.send(peer.fpdu(b'\x41'))
    try:
        p.recv_end()
    except TimeoutError:
        raise Wrong('the connection goes on') from None
    dut.expect('event.*DISCONNECTED')


def test_tagged_send(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.tagged(SEND, dut.stag, dut.to, b'x' * 20))
    terminated(p, (0, 2, 6))
    need(not dut.seen('recv 0 success'), 'it is taken for a message')


def test_untagged_write(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(WRITE, 1, b'x' * 20))
    terminated(p, (0, 2, 6))


def test_read_request_qn_0(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.read_request(1, 8, 1, 0, dut.stag, dut.to, qn=0))
    terminated(p, (0, 2, 6), (1, 2, 1))


def test_send_qn_1(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(SEND, 1, b'x' * 28, qn=1))
    terminated(p, (0, 2, 6), (1, 2, 1))


def test_qn_7(dut):
    dut.listen()
    p = dut.connect()
    u = peer.untagged(SEND, 1, b'x', qn=7)
    p.send_fpdu(u)
    terminated(p, (1, 2, 1), header=u)


def test_ddp_version(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(SEND, 1, b'x', control=0x42))
    terminated(p, (1, 2, 6))


def test_rdmap_version(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(SEND, 1, b'x', rdmap=0x83))
    terminated(p, (0, 2, 5))


def test_opcode_12(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(12, 1, b'x'))
    terminated(p, (0, 2, 6))


def test_msn(dut):
    dut.listen()
    p = dut.connect()
    u = peer.untagged(SEND, 7, b'x')
    p.send_fpdu(u)
    terminated(p, (1, 2, 3), (1, 2, 2), header=u)


def test_mo(dut):
    dut.listen()
    p = dut.connect()
    u = peer.untagged(SEND, 1, b'x', mo=8)
    p.send_fpdu(u)
    terminated(p, (1, 2, 4), header=u)


def test_read_request_mo(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.read_request(1, 8, 1, 0, dut.stag, dut.to, mo=4))
    terminated(p, (1, 2, 4), (0, 2, 255), (0, 2, 6))


def test_no_buffer(dut):
    dut.listen()
    p = dut.connect()
    for msn in range(1, 6):
        p.send_fpdu(peer.untagged(SEND, msn, b'x' * msn))
    terminated(p, (1, 2, 2))
    dut.expect('recv 3 success 4')


def test_too_long(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(SEND, 1, b'x' * 257))
    terminated(p, (1, 2, 5))
    dut.expect('recv 0 local length error')


def test_unwanted_response(dut):
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.tagged(READ_RESP, dut.stag, dut.to, b'x' * 20))
    terminated(p)
    need(not dut.seen('recv 0 success'), 'a completion')


def test_too_many_reads(dut):
    """More Read Requests than IRD allows, all at once, and then silence."""
    dut.listen()
    p = dut.connect()
    p.send(b''.join(peer.fpdu(peer.read_request(i, 60000, 1, 0, dut.stag,
                                                dut.to))
                    for i in range(1, 300)))
    terminated(p)


def test_segments_between(dut):
    """A Send in the middle of a Write of several segments; RDMAP allows it."""
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.tagged(WRITE, dut.stag, dut.to + 1024, b'1111', last=False))
    p.send_fpdu(peer.untagged(SEND, 1, b'between'))
    p.send_fpdu(peer.tagged(WRITE, dut.stag, dut.to + 1028, b'2222'))
    dut.expect('recv 0 success 7')
    p.send_fpdu(peer.read_request(1, 8, 1, 0, dut.stag,
                                  dut.to + 1024))
    got = p.recv_segment()
    need(got.payload == b'11112222', f'opcode {got.op}, {got.ulpdu}')


def test_terminate(dut):
    """One that arrives: no answer but the end, and the program hears of it."""
    dut.listen()
    p = dut.connect()
    p.send_fpdu(peer.untagged(TERM, 1, bytes.fromhex('20020000'), qn=2))
    term, _ = p.recv_end()
    need(not term, 'a Terminate in answer to one')
    dut.expect('event.*DISCONNECTED')
    dut.expect('recv 0 Work Request Flushed Error')


def test_short_terminate(dut):
    dut.listen()
    for body in (b'', b'\x20', bytes.fromhex('0100e000'),
                 bytes.fromhex('1100c0000012')):
        p = dut.connect()
        p.send_fpdu(peer.untagged(TERM, 1, body, qn=2))
        p.recv_end()
    dut.alive()


def test_fin_in_request(dut):
    """At every place where a Request can end early."""
    dut.listen()
    whole = peer.mpa(REQ, C, 1, b'p' * 100)
    for n in (0, 1, 15, 16, 19, 20, 21, 70, 119):
        p = Peer.connect(dut.addr, dut.port)
        p.send(whole[:n])
        p.sock.shutdown(socket.SHUT_WR)
        refused(p)
    dut.alive()


def test_reset_in_request(dut):
    dut.listen()
    whole = peer.mpa(REQ, C, 1, b'p' * 100)
    for n in (0, 1, 19, 20, 70, 120):
        p = Peer.connect(dut.addr, dut.port)
        p.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack('ii', 1, 0))
        p.send(whole[:n])
        p.close()
    time.sleep(0.2)
    dut.alive()


def test_bad_requests(dut):
    dut.listen()
    for what, frame in (
            ('reply key', peer.mpa(REP, C)),
            ('no key', b'GET / HTTP/1.0\r\n\r\n'.ljust(40)),
            ('revision 0', peer.mpa(REQ, C, 0)),
            ('513 octets', peer.mpa(REQ, C, 1, b'x' * 513)),
            ('65535 octets', peer.mpa(REQ, C, 1, b'x' * 600, 65535)),
            ('block of 0', peer.mpa(REQ, C | S, 2)),
            ('block of 1', peer.mpa(REQ, C | S, 2, b'x')),
            ('block of 3', peer.mpa(REQ, C | S, 2, b'xxx'))):
        p = Peer.connect(dut.addr, dut.port)
        p.send(frame)
        try:
            refused(p)
        except Wrong as why:
            raise Wrong(f'{what}: {why}') from None
    dut.alive()


def test_stalled(dut):
    """Those who say half a Request do not keep others away (B.2-7)."""
    dut.listen()
    stalled = [Peer.connect(dut.addr, dut.port) for _ in range(5)]
    for i, p in enumerate(stalled):
        p.send(peer.mpa(REQ, C, 1, b'x' * 30)[:5 * i + 1])
        time.sleep(0.02)
        p.send(b'M')
    start = time.time()
    dut.alive()
    need(time.time() - start < 2, 'it took long')


def test_silent_after_reply(dut):
    """The same, later: connected peers that never speak."""
    dut.listen()
    peers = [dut.connect() for _ in range(10)]
    dut.alive()
    need(len(peers) == 10, '')


def test_urgent(dut):
    dut.listen()
    p = dut.connect()
    f = peer.fpdu(peer.untagged(SEND, 1, b'x' * 100))
    p.send(f[:50])
    p.sock.send(f[50:51], socket.MSG_OOB)
    p.send(f[51:] + f)
    time.sleep(0.2)
    p.close()
    dut.alive()


def rtr(dut, bit, segment):
    dut.listen()
    p = Peer.connect(dut.addr, dut.port)
    p.send(peer.mpa(REQ, C | S, 2, peer.enhanced(4, 4, a=1, **{bit: 1})))
    key, flags, rev, data = p.recv_startup()
    need(key == REP and rev == 2 and flags & S and not flags & R, 'the Reply')
    ird, ord_ = struct.unpack('>HH', data[:4])
    got = {'b': ird & 0x4000, 'c': ord_ & 0x8000, 'd': ord_ & 0x4000}
    need(ird & 0x8000 and got.pop(bit) and not any(got.values()),
         f'Reply {data[:4].hex()}: not the RTR that was offered')
    p.send_fpdu(segment)
    if bit == 'd':
        need(p.recv_segment().op == READ_RESP, 'no Read Response')
    dut.expect('ESTABLISHED')
    p.send_fpdu(peer.untagged(SEND, 2 if bit == 'b' else 1, b'hello'))
    dut.expect('recv 0 success 5')


def test_rtr_send(dut):
    """It does not take a receive buffer."""
    rtr(dut, 'b', peer.untagged(SEND, 1))


def test_rtr_write(dut):
    rtr(dut, 'c', peer.tagged(WRITE, 1, 0))


def test_rtr_read(dut):
    rtr(dut, 'd', peer.read_request(1, 0, 1, 0, 1, 0))


def test_terminate_first(dut):
    """Instead of the RTR; that once hit a BUG in the connection manager."""
    dut.listen()
    for _ in range(3):
        p = Peer.connect(dut.addr, dut.port)
        p.send(peer.mpa(REQ, C | S, 2, peer.enhanced(4, 4, a=1, d=1)))
        p.recv_startup()
        p.send_fpdu(peer.untagged(TERM, 1, bytes.fromhex('20060000'), qn=2))
        p.recv_end()
    dut.alive()


def test_fin_first(dut):
    dut.listen()
    for _ in range(3):
        p = Peer.connect(dut.addr, dut.port)
        p.send(peer.mpa(REQ, C | S, 2, peer.enhanced(4, 4, a=1, d=1)))
        p.recv_startup()
        p.close()
    dut.alive()


def test_ird_of_reply(dut):
    """A responder never issues more Reads than the initiator can hold."""
    dut.listen()
    p = Peer.connect(dut.addr, dut.port)
    p.send(peer.mpa(REQ, C | S, 2, peer.enhanced(2, 3)))
    _, _, _, data = p.recv_startup()
    ird, ord_ = (v & 0x3fff for v in struct.unpack('>HH', data[:4]))
    need(ord_ <= 2, f'ORD {ord_} where the initiator takes 2')
    need(ird >= 3, f'IRD {ird} where 3 were asked for and 4 are there')


def test_log_flood(dut):
    """A hundred wrong peers are not worth a hundred lines each."""
    dut.listen()
    with open('/dev/kmsg', 'w', encoding='ascii') as kmsg:
        kmsg.write('siw flood: start\n')
    for _ in range(100):
        p = dut.connect()
        p.send_fpdu(peer.tagged(WRITE, 5, 0, b'x'))
        try:
            p.recv_end()
        except TimeoutError:
            raise Wrong('the connection goes on') from None
    log = subprocess.run(['dmesg'], capture_output=True, text=True,
                         check=True).stdout
    lines = len(log.split('siw flood: start')[-1].splitlines())
    need(lines < 60, f'{lines} lines in the kernel log')


# our side connects

def greeted(p):
    """Our side's first message; an RTR before it is answered."""
    s = p.recv_segment()
    need(s.crc_good or not p.crc, 'bad CRC')
    if s.op == READ_REQ:
        sink, to, size = struct.unpack('>IQI', s.payload[:16])
        need(size == 0 and sink, f'an RTR of {size} octets, STag {sink}')
        p.send_fpdu(peer.tagged(READ_RESP, sink, to))
        s = p.recv_segment()
    elif s.tagged or not s.payload:
        s = p.recv_segment()
    need(s.op == SEND and s.payload == b'g' * 64, f'opcode {s.op}')
    need(s.crc_good or not p.crc, 'bad CRC')


def test_call(dut):
    p = dut.call()
    data = p.respond(b'welcome')
    need(data.startswith(b'dut\0'), f'private data {data}')
    greeted(p)
    dut.expect('ESTABLISHED 0 pd 7')
    dut.expect('sent 9 success')
    p.close()
    dut.expect('DISCONNECTED')


def test_call_slow_reply(dut):
    p = dut.call()
    key, _, rev, data = p.recv_startup()
    need(key == REQ, f'key {key}')
    flags = C
    if rev == 2:
        flags |= S
        ird, ord_ = struct.unpack('>HH', data[:4])
        data = struct.pack('>HH', ird & 0x8000 | ord_ & 0x3fff,
                           ord_ & 0x4000 | ird & 0x3fff)
    p.send(peer.mpa(REP, flags, rev, data), cut=1)
    greeted(p)


def test_call_crc_on(dut):
    """The responder asks for CRC: it is on, whatever the initiator said."""
    p = dut.call()
    p.respond(flags=C)
    need(p.crc, 'off')
    greeted(p)


def unhappy(dut, send):
    """Connect; send() plays the responder; our side may not crash or wait."""
    p = dut.call()
    p.recv_startup()
    send(p)
    line = dut.expect(r'event (\w+)', 8).group(1)
    need(line != 'RDMA_CM_EVENT_ESTABLISHED', 'established')
    dut.expect('^end')


def test_reply_wrong_key(dut):
    unhappy(dut, lambda p: p.send(peer.mpa(REQ, C, 1)))


def test_reply_wrong_key_long(dut):
    unhappy(dut, lambda p: p.send(b'SSH-2.0-' + b'x' * 600))


def test_reply_pd_513(dut):
    unhappy(dut, lambda p: p.send(peer.mpa(REP, C, 1, b'x' * 513)))


def test_reply_pd_65535(dut):
    unhappy(dut, lambda p: p.send(peer.mpa(REP, C, 1, b'x' * 1000, 65535)))


def reply_block(dut, n):
    unhappy(dut, lambda p: p.send(peer.mpa(REP, C | S, 2, b'\x80' * n)))


def test_reply_block_0(dut):
    reply_block(dut, 0)


def test_reply_block_1(dut):
    reply_block(dut, 1)


def test_reply_block_2(dut):
    reply_block(dut, 2)


def test_reply_block_3(dut):
    reply_block(dut, 3)


def test_reply_fin(dut):
    def fin(p):
        dut.listener.close()
        p.close()
    unhappy(dut, fin)


def test_reply_half(dut):
    def half(p):
        dut.listener.close()
        p.send(peer.mpa(REP, C, 1, b'x' * 50)[:40])
        p.close()
    unhappy(dut, half)


def test_reply_reject(dut):
    p = dut.call()
    _, _, rev, data = p.recv_startup()
    pd = (data[:4] if rev == 2 else b'') + b'no!'
    p.send(peer.mpa(REP, C | R | (S if rev == 2 else 0), rev, pd))
    dut.expect('event RDMA_CM_EVENT_REJECTED.* pd 3')


def test_reply_pd_512(dut):
    """Legal, if long: established or refused, and no crash."""
    p = dut.call()
    _, _, rev, data = p.recv_startup()
    pd = b''
    if rev == 2:
        ird, ord_ = struct.unpack('>HH', data[:4])
        pd = struct.pack('>HH', ird & 0x8000 | ord_ & 0x3fff,
                         ord_ & 0x4000 | ird & 0x3fff)
    pd += b'x' * (512 - len(pd))
    p.send(peer.mpa(REP, C | (S if rev == 2 else 0), rev, pd))
    dut.expect('event ')
    p.close()
    dut.expect('^end')


def test_reply_markers(dut):
    """M=1: whoever cannot send markers must not connect."""
    p = dut.call()
    p.respond(flags=C | M)
    if dut.expect(r'event (\w+)').group(1) == 'RDMA_CM_EVENT_ESTABLISHED':
        need(p.recv(4) == bytes(4), 'no marker in front of the first FPDU')


def test_call_terminate_first(dut):
    """The responder's first FPDU is a Terminate."""
    p = dut.call()
    p.respond()
    p.send_fpdu(peer.untagged(TERM, 1, bytes.fromhex('00000000'), qn=2))
    dut.expect('^end', 10)


def test_call_damaged(dut):
    """What our side gets is wrong: it says so and ends."""
    p = dut.call()
    p.respond()
    greeted(p)
    p.send_fpdu(peer.untagged(SEND, 1, b'x' * 10), damage=1)
    terminated(p, (2, 0, 2))
    dut.expect('^end')


def test_fall_back(dut):
    """RST after a Request of revision 2: again with revision 1 (RFC 6581)."""
    p = dut.call()
    _, _, rev, _ = p.recv_startup()
    need(rev == 2, f'revision {rev}')
    p.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack('ii', 1, 0))
    p.close()
    p = Peer.accept(dut.listener)
    key, flags, rev, data = p.recv_startup()
    need((key, rev, flags & S, data[:4]) == (REQ, 1, 0, b'dut\0'),
         f'revision {rev}, flags {flags:#x}, {data}')
    p.send(peer.mpa(REP, C, 1))
    greeted(p)


def late(*_):
    raise Wrong('not done in time')


def run(program, addr, name):
    """One test. Return: its exit status."""
    dut = Dut(program, addr)
    status = 0
    try:
        globals()['test_' + name](dut)
    except (Wrong, Closed, OSError, ValueError, struct.error) as why:
        print('why:', why or type(why).__name__)
        status = 1
    finally:
        dut.end()
    sys.stdout.flush()
    return status


def run_apart(program, addr, name, seconds, log):
    """The same in a process of its own, which says everything to a file: to start
    Python takes a second where the kernel checks everything."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    fd = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    status = 2
    try:
        status = run(program, addr, name)
    except Exception:   # whatever it is, the next test comes
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(status)


def main():
    program, addr, seconds, logs, *names = sys.argv[1:]
    for name in names:
        with open('/dev/kmsg', 'w', encoding='ascii') as log:
            log.write(f'siw test: weak/wire/{name}')
        status = run_apart(program, addr, name, int(seconds),
                           f'{logs}/{name}.log')
        print(name, status, flush=True)


main()
