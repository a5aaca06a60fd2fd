# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Our side: the program built from tests/guest/weak/dut.c, seen from a peer."""

import os
import re
import socket
import struct
import subprocess
import threading

from peer import Closed, Peer

# How much slower than usual is this machine?
SLOW = float(os.environ.get('SIW_SLOW', '1'))


class Wrong(Exception):
    """Our side did what it must not do."""


def need(cond, why):
    if not cond:
        raise Wrong(why)


class Dut:
    """Our side: a process, and the lines it prints."""

    def __init__(self, program, addr, env=None, echo=True):
        self.program, self.addr, self.env = program, addr, env
        self.echo = echo
        self.process, self.lines = None, []
        self.news = threading.Condition()
        self.patience = 5 * SLOW

    def start(self, *args, **how):
        program = [self.program] if isinstance(self.program, str) \
            else self.program
        self.process = subprocess.Popen(
            [*program, self.addr, *map(str, args)], env=self.env,
            stdout=subprocess.PIPE, text=True, **how)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            if self.echo:
                print('dut:', line, end='')
            with self.news:
                self.lines.append(line.strip())
                self.news.notify_all()

    def seen(self, regex):
        return [line for line in self.lines if re.search(regex, line)]

    def expect(self, regex, timeout=None, count=1):
        """Wait for a line (or count of them); the last match."""
        with self.news:
            need(self.news.wait_for(lambda: len(self.seen(regex)) >= count,
                                    timeout or self.patience),
                 f'no "{regex}" from our side: {self.lines[-3:]}')
        return re.search(regex, self.seen(regex)[count - 1])

    def listen(self):
        self.start('listen')
        self.port = int(self.expect(r'^port (\d+)').group(1))

    def connect(self, **how):
        """As a peer; self.stag, self.to, self.len: the buffer of our side."""
        p = Peer.connect(self.addr, self.port, self.patience)
        self.hello(p.initiate(**how))
        return p

    def hello(self, data):
        self.stag, self.len, self.to = struct.unpack('>IIQ', data[-16:])

    def call(self):
        """Let our side connect; the peer, before it said anything."""
        listener = socket.create_server((self.addr, 0))
        self.listener = listener
        self.start(listener.getsockname()[1])
        return Peer.accept(listener, self.patience)

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()


def terminated(p, *kinds, header=None, rdma=False):
    """p gets one of these Terminates, laid out as RFC 5040 says, then the end."""
    try:
        term, reset = p.recv_end()
    except TimeoutError:
        raise Wrong('the connection goes on') from None
    need(term, f'no Terminate (reset: {reset})')
    need(term.crc_good or not p.crc, 'a Terminate with a bad CRC')
    need((term.qn, term.msn, term.mo, term.last) == (2, 1, 0, True),
         f'Terminate: QN {term.qn} MSN {term.msn} MO {term.mo}')
    layer, etype, code, m, d, r, rest = term.terminate()
    need(not kinds or (layer, etype, code) in kinds,
         f'Terminate {layer}/{etype}/{code:02x} instead of {kinds}')
    need(not reset, 'a Terminate, but a reset behind it')
    if header is not None:
        need((m, d) == (1, 1) and bool(r) == rdma,
             f'Terminate: M {m} D {d} R {r}')
        need(struct.unpack('>H', rest[:2])[0] == len(header),
             f'Terminate: segment length {rest[:2].hex()}, not {len(header)}')
        size = 14 if header[0] & 0x80 else 18
        size += 28 if rdma else 0
        need(rest[2:] == header[:size],
             f'Terminate: returns {rest[2:].hex()} for {header[:size].hex()}')
    return term


def refused(p, timeout=5):
    """No more than an end, in good time; was it RST?"""
    p.sock.settimeout(timeout * SLOW)
    try:
        data = p.recv(1)
        raise Wrong(f'an answer: {data}')
    except Closed as end:
        return end.reset
    except TimeoutError:
        raise Wrong('the connection stays open') from None
