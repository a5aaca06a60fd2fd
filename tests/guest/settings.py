# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""What a setting of ours does on the wire, seen by a peer on a plain socket.

	settings.py ADDRESS PORT TEST [ARG...]	(PYTHONPATH: tests/wire)

Our side is rping: its server for the tests that connect, its client for those
that listen. Such a test prints "listening", and the script that runs it starts
the client then. What was seen is printed, one word or number a line; status 1
after "why: ...".
"""

import socket
import struct
import subprocess
import sys
import time

import peer
from peer import C, R, REP, REQ, S, Closed, Peer

def call(addr, port):
    """Wait for our side's client; a peer that has read nothing."""
    listener = socket.create_server((addr, port))
    if 'mss' in OPTIONS:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG,
                            OPTIONS['mss'])
    print('listening', flush=True)
    return Peer.accept(listener, 20)


def request(addr, port):
    """The Request that our side sends: rev, C, A, and the kinds of RTR."""
    p = call(addr, port)
    _, flags, rev, data = p.recv_startup()
    print('rev', rev)
    print('crc', int(bool(flags & C)))
    if rev < 2 or not flags & S:
        return
    ird, ord_ = struct.unpack('>HH', data[:4])
    print('p2p', ird >> 15)
    print('rtr', (ird >> 14 & 1) | (ord_ >> 14 & 2) | (ord_ >> 12 & 4))


def reply(addr, port, flags, rev='1'):
    """The Reply of our side to a Request with these flags."""
    p = Peer.connect(addr, port)
    rev = int(rev)
    pd, flags = b'', int(flags, 0)
    if rev == 2:
        pd, flags = peer.enhanced(1, 1, a=1, b=1, c=1, d=1), flags | S
    p.send(peer.mpa(REQ, flags, rev, pd))
    try:
        _, flags, rev, data = p.recv_startup()
    except Closed as end:
        print('closed', 'RST' if end.reset else 'FIN')
        return
    print('rejected' if flags & R else 'accepted')
    print('crc', int(bool(flags & C)))
    if flags & S and rev == 2:
        ird, ord_ = struct.unpack('>HH', data[:4])
        print('rtr', (ird >> 14 & 1) | (ord_ >> 14 & 2) | (ord_ >> 12 & 4))
    elif flags & R:
        print('reason', data.decode(errors='replace'))


def receive(p):
    """The next segment that says anything: empty Writes are knocks."""
    while True:
        s = p.recv_segment()
        if s.op != peer.WRITE or s.payload:
            return s


def greeted(p):
    """Full Operation with rping's client: where its data is."""
    p.respond(flags=OPTIONS.get('flags', 0))
    s = receive(p)
    if s.op == peer.READ_REQ:
        sink, to = struct.unpack('>IQ', s.payload[:12])
        p.send_fpdu(peer.tagged(peer.READ_RESP, sink, to))
        s = receive(p)
    elif not s.payload:
        s = receive(p)
    if s.op != peer.SEND or len(s.payload) != 16:
        raise ValueError(f'opcode {s.op}, {len(s.payload)} octets, where '
                         "rping's first message should be")
    to, stag, length = struct.unpack('>QII', s.payload[:16])
    return stag, to, length


def ask(p, msn, size, stag, to):
    p.send_fpdu(peer.read_request(msn, size, msn, 0, stag, to))


def fpdus(addr, port):
    """The longest FPDU of a Read Response, and how many there were."""
    p = call(addr, port)
    stag, to, length = greeted(p)
    ask(p, 1, length, stag, to)
    longest = count = 0
    while True:
        s = receive(p)
        longest = max(longest, (2 + len(s.ulpdu) + 3) // 4 * 4 + 4)
        count += 1
        if s.last:
            break
    print('longest', longest)
    print('count', count)
    print('mss', p.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))


def half(addr, port):
    """Is half of a Write's FPDU in our side's memory before the CRC is here?
    rping's client runs in this kernel, and tells the address of its buffer."""
    p = call(addr, port)
    stag, to, _ = greeted(p)
    data = b'this much has arrived, '
    whole = peer.fpdu(peer.tagged(peer.WRITE, stag, to, data * 2))
    p.send(whole[:16 + len(data)])
    pid = subprocess.run(['pgrep', '-x', 'rping'], check=True, text=True,
                         capture_output=True).stdout.strip()
    end = time.monotonic() + 1
    placed = False
    while not placed and time.monotonic() < end:
        with open(f'/proc/{pid}/mem', 'rb', 0) as memory:
            memory.seek(to)
            placed = memory.read(len(data)) == data
    print('placed', int(placed))
    p.send(whole[16 + len(data):])
    end = time.monotonic() + 5
    while not placed and time.monotonic() < end:
        with open(f'/proc/{pid}/mem', 'rb', 0) as memory:
            memory.seek(to)
            placed = memory.read(2 * len(data)) == data * 2
    print('in the end', int(placed))


def pause(addr, port):
    """Milliseconds between the responses to two small Reads, asked for one
    shortly after the other, over a link whose way to our side is slow."""
    p = call(addr, port)
    p.sock.settimeout(20)
    stag, to, _ = greeted(p)
    ask(p, 1, 10, stag, to)
    time.sleep(0.15)	# not in one batch, even on a slow machine
    ask(p, 2, 10, stag, to)
    receive(p)
    start = time.monotonic()
    receive(p)
    print('pause', int((time.monotonic() - start) * 1000))


def hold(addr, port):
    """A connection in which our side waits for an answer, for ever."""
    p = call(addr, port)
    greeted(p)
    print('up', flush=True)
    time.sleep(600)


OPTIONS = {}


def main():
    addr, port, name, *args = sys.argv[1:]
    while args and '=' in args[0]:
        key, value = args.pop(0).split('=')
        OPTIONS[key] = int(value, 0)
    try:
        globals()[name](addr, int(port), *args)
    except (Closed, OSError, ValueError, struct.error) as why:
        print('why:', why or type(why).__name__)
        sys.exit(1)


main()
