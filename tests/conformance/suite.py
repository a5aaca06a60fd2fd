# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""What the cases of the conformance suite are made of.

A case is a function that plays one side of a connection by tests/wire/peer.py
and asks our side, by commands to tests/guest/weak/dut.c, what the program on it
sees. It names the requirements that it proves:

	@case('MPA-7.1.1-02', 'MPA-8-04')
	def request_key(dev): ...

It fails by raising anything. After it has ended, our side must still be there
and serve another connection, whatever the case has done to it.
"""

import queue
import re
import socket
import struct
import subprocess
import time

import peer
from dut import SLOW, Dut, Wrong, need, refused
from peer import (C, M, R, REP, REQ, READ_REQ, READ_RESP, S, SEND, SEND_INV,
                  SEND_SE, SEND_SE_INV, TERM, WRITE, Closed, Peer)

CASES = []

# As a device is set for a case that says nothing else
SETTINGS = {'crc': 0, 'markers': 0, 'rev': 2, 'p2p': 1, 'rtr': 7}
RTR_SEND, RTR_WRITE, RTR_READ = 1, 2, 4
QUIET = 0.3			# nothing comes: waiting longer proves no more
PATIENCE = 20 * SLOW		# something comes: only a failure takes as long
SOON = 20 / SLOW		# 20 s: what is not is done after 30


class Skip(Exception):
    """The case cannot be run here."""


class Case:
    def __init__(self, run, ids, long, alone, idle, settings):
        self.run, self.ids = run, ids
        self.long, self.alone, self.idle = long, alone, idle
        self.settings = {**SETTINGS, **settings}
        self.name = f'{run.__module__}/{run.__name__}'


def case(*ids, long=False, alone=False, idle=False, **settings):
    """long: mostly waits, so it is to start early. alone: nothing beside it,
    but for what is idle: that sleeps for half a minute."""
    def add(run):
        CASES.append(Case(run, ids, long, alone, idle, settings))
        return run
    return add


class Device(Dut):
    """Our side, under the control of a case."""

    def __init__(self, program, addr, env=None):
        super().__init__(program, addr, env, echo=False)
        self.answers = queue.Queue()
        self.port = None
        self.conns = 0
        self.patience = PATIENCE

    def begin(self):
        if not self.process:
            self.start('commands', stdin=subprocess.PIPE)

    def _read(self):
        for line in self.process.stdout:
            line = line.strip()
            if line.startswith('='):
                self.answers.put(line[1:].strip())
                continue
            with self.news:
                self.lines.append(line)
                self.news.notify_all()
        self.answers.put('error: our side has ended')

    def do(self, *words):
        """Carry out a command; its answer."""
        self.begin()
        self.process.stdin.write(' '.join(map(str, words)) + '\n')
        self.process.stdin.flush()
        try:
            answer = self.answers.get(timeout=self.patience)
        except queue.Empty:
            raise Wrong(f'our side does not answer to {words}') from None
        need(not answer.startswith('error'), f'{words}: {answer}')
        return answer

    # connections that come to it

    def listen(self, **values):
        for name, value in values.items():
            self.do('set', name, value)
        if not self.port:
            self.port = int(self.do('listen'))

    def tcp(self):
        """A TCP connection, on which nothing was said yet."""
        self.listen()
        return Peer.connect(self.addr, self.port, self.patience)

    def peer(self, gate=True, flags=C, rev=1, block=b'', pd=b''):
        """A connection. gate: an empty Write, so that our side may send."""
        p = self.tcp()
        p.send(peer.mpa(REQ, flags | (S if block else 0), rev, block + pd))
        key, got, p.rev, data = p.recv_startup()
        need(key == REP and not got & R, f'Reply {key} {got:#x}')
        p.agree(flags, got)
        p.flags, p.block, p.pd = got, data[:4 if block else 0], \
            data[4 if block else 0:]
        self.joined(p)
        if len(p.pd) >= 16:
            p.stag, p.len, p.to = struct.unpack('>IIQ', p.pd[-16:])
        if gate:
            p.send_fpdu(peer.tagged(WRITE, 1, 0))
        return p

    def joined(self, p):
        """The program knows of one more."""
        self.expect(f'REQUEST .*conn {self.conns} ')
        p.n = self.conns
        self.conns += 1

    # connections that it makes

    def call(self):
        """The peer, before it said anything."""
        self.begin()
        listener = socket.create_server((self.addr, 0))
        n = int(self.do('call', listener.getsockname()[1]))
        p = Peer.accept(listener, self.patience)
        p.n, p.listener = n, listener
        self.conns = n + 1
        return p

    def called(self, flags=C, pd=b'', **block):
        """The same, connected; block: see reply_block(). Not yet served: RTR."""
        p = self.call()
        p.request = p.recv_startup()
        p.send(reply_to(p, flags, pd, **block))
        self.expect(f'ESTABLISHED 0 .*conn {p.n} ')
        return p

    # what the program sees

    def mem(self, slot, off=0, n=1):
        return bytes.fromhex(self.do('mem', slot, off, n))

    def mr(self, slot, conn, length, access='lrw', skew=0):
        """(STag, address) of new memory."""
        got = self.do('mr', slot, conn, length, access, skew)
        need(not got.startswith('refused'), f'no memory: {got}')
        return tuple(map(int, got.split()))

    def post(self, p, op, id_, length, slot=None, off=0, stag=0, to=0,
             flags='-'):
        rv = self.do('post', p.n, op, id_, own(p) if slot is None else slot,
                     off, length, stag, to, flags)
        need(rv == '0', f'posting a {op}: {rv}')

    def received(self, p, id_, length):
        self.expect(f'^{p.n} recv {id_} success {length}$')

    def down(self, p, receives=None):
        """The program hears of the end; how many receives are flushed?"""
        self.expect(f'DISCONNECTED .*conn {p.n} ')
        if receives is not None:
            self.expect(f'^{p.n} recv .* Flushed', count=receives)
            need(len(self.seen(f'^{p.n} recv .* Flushed')) == receives,
                 'more receives than there were')

    def none(self, regex):
        need(not self.seen(regex), f'our side says {self.seen(regex)}')

    def serves(self):
        """Whatever was done to it, somebody else is welcome."""
        need(self.process.poll() is None,
             f'our side has ended with status {self.process.poll()}')
        self.do('set', 'answer', 0)
        self.do('set', 'hello', 1)
        self.do('set', 'recvs', 1)
        self.do('set', 'recv_len', 256)
        seen = len(self.seen('REQUEST'))
        p = self.tcp()
        p.initiate()
        self.expect('REQUEST', count=seen + 1)
        n = re.search(r'conn (\d+)', self.seen('REQUEST')[-1]).group(1)
        p.send_fpdu(peer.untagged(SEND, 1, b'still there'))
        self.expect(f'^{n} recv 0 success 11')
        p.close()


def own(p):
    """The slot that stands for the buffer of p's connection."""
    return -1 - p.n


def pattern(n, off=0):
    """What our side fills its memory with."""
    return bytes((i * 3 + 1) & 0xff for i in range(off, off + n))


CANARY = 0xca

# startup frames


def block_of(data):
    """RFC 6581's block as a dictionary: ird, ord, a, b, c, d."""
    ird, ord_ = struct.unpack('>HH', data[:4])
    return {'a': ird >> 15, 'b': ird >> 14 & 1, 'ird': ird & 0x3fff,
            'c': ord_ >> 15, 'd': ord_ >> 14 & 1, 'ord': ord_ & 0x3fff}


def reply_to(p, flags=C, pd=b'', **block):
    """A Reply to p.request, of its kind; block: what is to be different."""
    _, asked, rev, data = p.request
    if rev < 2 or not asked & S:
        p.agree(asked, flags)
        return peer.mpa(REP, flags, rev, pd)
    theirs = block_of(data)
    ours = {'a': theirs['a'], 'ird': theirs['ord'], 'ord_': theirs['ird'],
            'd': theirs['d'], **block}
    p.agree(flags, asked)
    return peer.mpa(REP, flags | S, rev, peer.enhanced(**ours) + pd)


def served(p, skip=()):
    """The first message of our side that is not its RTR, which is answered."""
    while True:
        s = p.recv_segment()
        need(s.crc_good or not p.crc, 'bad CRC')
        if s.op == READ_REQ and s.payload[12:16] == bytes(4):
            sink, to = struct.unpack('>IQ', s.payload[:12])
            p.send_fpdu(peer.tagged(READ_RESP, sink, to))
        elif s.payload or s.op in skip:
            return s


# what a peer gets

def code(text):
    return tuple(int(part, 16) for part in text.split('/'))


# error types whose Terminate returns the headers, by layer
RETURNS = {(0, 1), (0, 2), (1, 1), (1, 2)}


def check_term(term, want, offender):
    """RFC 5040 section 4.8: all of it, octet by octet."""
    need((term.qn, term.msn, term.mo, term.last, term.inval) ==
         (2, 1, 0, True, 0), f'Terminate: {term.ulpdu[:18].hex()}')
    layer, etype, ecode, m, d, r, rest = term.terminate()
    need((layer, etype, ecode) == code(want),
         f'Terminate {layer}/{etype}/{ecode:02x}, not {want}')
    need(not term.payload[2] & 0x1f and not term.payload[3], 'reserved bits')
    if (layer, etype) not in RETURNS:
        need((m, d, r, rest) == (0, 0, 0, b''), f'headers: {rest.hex()}')
        return
    rdma = (layer, etype) == (0, 1) and offender[1] & 0xf == READ_REQ
    need((m, d, r) == (1, 1, rdma), f'M {m} D {d} R {r}')
    size = (14 if offender[0] & 0x80 else 18) + (28 if rdma else 0)
    want = struct.pack('>H', len(offender)) + offender[:size]
    need(rest == want, f'returns {rest.hex()}, not {want.hex()}')


def everything(p):
    """All segments up to the end of the stream; was that RST?"""
    segments = []
    try:
        while True:
            segments.append(p.recv_segment())
    except Closed as end:
        return segments, end.reset
    except TimeoutError:
        raise Wrong('the connection goes on') from None


def terminates(p, want, offender=None, before=()):
    """The peer gets one Terminate, FIN, and nothing else but `before`: opcodes
    of segments in front of it. Empty Writes mean nothing, and are our side's
    way to wake up some responders."""
    segments, reset = everything(p)
    segments = [s for s in segments if s.op != WRITE or s.payload]
    ops = [s.op for s in segments]
    need(TERM in ops, f'no Terminate, opcodes {ops}, reset: {reset}')
    need(ops.index(TERM) == len(ops) - 1, f'opcodes {ops}')
    need(set(ops[:-1]) <= set(before), f'opcodes {ops}')
    need(segments[-1].crc_good or not p.crc, 'a Terminate with a bad CRC')
    check_term(segments[-1], want, offender)
    need(not reset, 'RST behind the Terminate')
    return segments[:-1]


def quiet(p, seconds=QUIET):
    """Nothing comes for a while, and the connection stays."""
    p.sock.settimeout(seconds)
    try:
        data = p.sock.recv(1)
        raise Wrong(f'octets: {data.hex()}' if data else 'the end')
    except TimeoutError:
        pass
    except ConnectionResetError:
        raise Wrong('RST') from None
    finally:
        p.sock.settimeout(PATIENCE)


def closes(p, rst=True, timeout=SOON):
    """No more than an end; RST, so that nobody takes it for an answer."""
    reset = refused(p, timeout)
    need(reset or not rst, 'FIN instead of RST')


def until(cond, why, seconds=PATIENCE / SLOW):
    end = time.time() + seconds * SLOW
    while not cond():
        need(time.time() < end, why)
        time.sleep(0.01)
