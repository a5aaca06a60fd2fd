#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Memory that TCP sends from without a copy: whose is it, when?

	zcopy.py ADDRESS PORT TEST [ARG...]	(PYTHONPATH: tests/wire)

Our end is a QP of this program, the other one a plain socket of its child, which
reads when we like (pyverbs would not let a thread run). Connections are made with MPA revision 1 (the script sees to
that). Status 1 after "why: ...".
"""

import multiprocessing
import socket
import subprocess
import sys
import time

import pyverbs.cm_enums as ce
import pyverbs.enums as e
from pyverbs.cmid import CMID, AddrInfo
from pyverbs.mr import MR
from pyverbs.qp import QPCap, QPInitAttr

import peer

SO_RCVBUFFORCE = 33		# <asm-generic/socket.h>
SIZE = 65536
COUNT = 4
SIGNALLED = e.IBV_SEND_SIGNALED


class Failure(Exception):
    """Not as it should be."""


def payload(p, op, size):
    """Of the next messages of that kind, so many octets."""
    data = b''
    while len(data) < size:
        s = p.recv_segment()
        if s.op == op:
            data += s.payload
    return data


def serve(listener, pipe, flags):
    """The peer: reads nothing until it is told so."""
    p = peer.Peer.accept(listener, 20)
    p.respond(flags=flags)
    while True:
        order, *args = pipe.recv()
        if order == 'read':
            size, stag, to = args
            p.send_fpdu(peer.read_request(1, size, 77, 0, stag, to))
            pipe.send(payload(p, peer.READ_RESP, size))
        else:
            pipe.send(payload(p, peer.WRITE, *args))


def connected(addr, port, flags=0):
    """Our QP, and a pipe to the peer that it is connected to."""
    listener = socket.create_server((addr, port))
    # for all that is sent, unread
    listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    pipe, other = multiprocessing.Pipe()
    multiprocessing.Process(target=serve, args=(listener, other, flags),
                            daemon=True).start()
    info = AddrInfo(src=addr, dst=addr, dst_service=str(port),
                    port_space=ce.RDMA_PS_TCP)
    cap = QPCap(max_send_wr=16, max_recv_wr=4)
    cmid = CMID(creator=info, qp_init_attr=QPInitAttr(
        qp_type=e.IBV_QPT_RC, cap=cap, sq_sig_all=0))
    cmid.connect()
    return cmid, pipe


def told(pipe, *order):
    pipe.send(order)
    return pipe.recv()


def memory(cmid):
    return MR(cmid.pd, SIZE * COUNT, e.IBV_ACCESS_LOCAL_WRITE |
              e.IBV_ACCESS_REMOTE_READ)


def pattern(seed):
    return bytes((i * 7 + i // 251 + seed) & 0xff for i in range(SIZE)) * COUNT


def write(cmid, mr, signalled):
    for _ in range(COUNT):
        cmid.post_write(mr, SIZE, 0x1000, 1, SIGNALLED if signalled else 0)


def completed(cmid):
    """How the next work request went."""
    return cmid.get_send_comp().status


def kept(addr, port, kind):
    """What completed may be overwritten, even if nobody has read it."""
    cmid, p = connected(addr, port)
    mr = memory(cmid)
    before = pattern(1)
    mr.write(before, len(before))
    signalled = kind == 'signalled'
    write(cmid, mr, signalled)
    if signalled:
        for _ in range(COUNT):
            completed(cmid)
    else:
        cmid.post_send(mr, SIGNALLED, 16)
        completed(cmid)
    after = pattern(99)
    mr.write(after, len(after))
    if told(p, 'write', len(before)) != before:
        raise Failure('the peer reads what was written after the completion')


def wait(addr, port, kind):
    """How long a completion takes, in ms."""
    cmid, p = connected(addr, port)
    mr = memory(cmid)
    start = time.monotonic()
    cmid.post_write(mr, SIZE, 0x1000, 1,
                    SIGNALLED if kind == 'signalled' else 0)
    if kind != 'signalled':
        cmid.post_send(mr, SIGNALLED, 16)
    completed(cmid)
    print('ms', int((time.monotonic() - start) * 1000))
    told(p, 'write', SIZE)


def nothing_arrives():
    """From now on, not even acknowledgments."""
    subprocess.run(['tc', 'qdisc', 'replace', 'dev', 'lo', 'root', 'netem',
                    'loss', '100%'], check=True)


def flush(addr, port):
    """What TCP still has when the connection ends is flushed, none is lost."""
    cmid, _ = connected(addr, port)
    mr = memory(cmid)
    nothing_arrives()
    write(cmid, mr, True)
    cmid.disconnect()
    for _ in range(COUNT):
        if completed(cmid) == e.IBV_WC_SUCCESS:
            raise Failure('a success, and nobody has the data')


def read(addr, port, flags='0'):
    """The peer reads our memory."""
    cmid, p = connected(addr, port, int(flags, 0))
    mr = memory(cmid)
    data = pattern(3)
    mr.write(data, len(data))
    if told(p, 'read', len(data), mr.rkey, mr.buf) != data:
        raise Failure('a wrong Read Response')


def leave(addr, port):
    """Go while TCP has our memory, and nobody acknowledges anything."""
    cmid, _ = connected(addr, port)
    mr = memory(cmid)
    nothing_arrives()
    write(cmid, mr, False)


def main():
    addr, port, test = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    tests = {f.__name__: f for f in (kept, wait, flush, read, leave)}
    try:
        tests[test](addr, port, *sys.argv[4:])
    except Failure as why:
        print('why:', why)
        sys.exit(1)


main()
