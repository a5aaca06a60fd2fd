# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5042 sections 3, 6.4 and 7, RFC 5040 section 8.1: what a program is given
by its device, and what not; RFC 7306, which no device offers."""

from mpa_startup import REQUEST
from suite import *


@case('MPA-7.1-02')
def accept_without_a_queue_pair(dev):
    """There is no stream without an endpoint: the program is told so, and the
    peer, if it hears anything, that it is rejected."""
    dev.listen(answer=2)
    p = dev.tcp()
    p.send(REQUEST)
    dev.joined(p)
    need(dev.do('bare', p.n) != '0', 'accepted')
    try:
        p.sock.settimeout(QUIET)
        key, flags, _, _ = p.recv_startup()
        need((key, flags & R) == (REP, R), 'a Reply that accepts')
    except (TimeoutError, Closed):
        pass


@case('RDMAP-8.1.2-01', 'SEC-3-02', 'SEC-6.4.1-01', 'SEC-6.4.3.2-01')
def no_more_than_the_device_has(dev):
    """Queues, and lists in them, beyond what it says."""
    dev.listen()
    excess = dev.do('excess')
    need(not excess, f'too large, but given: {excess}')


@case('SEC-7.2-01', 'EMPA-12-01', 'RDMAP-8.1.2-01')
def no_more_reads_than_the_device_has(dev):
    """Whatever a program and its peer agree on."""
    dev.listen(ird=255, ord=255)
    p = dev.peer(rev=2, block=peer.enhanced(MANY, MANY))
    got = block_of(p.block)
    _, ird, ord_ = map(int, dev.do('query', p.n).split())
    need(max(got['ird'], got['ord'], ird, ord_) <= 128,
         f'{got}, IRD {ird}, ORD {ord_}')


MANY = 0x3ffe


@case('RDMAP-8.1.1-09', 'SEC-7.1-01', 'SEC-3-03')
def queues_of_another_user(dev):
    """A handle is of use only for who has got it."""
    p = dev.peer()
    need(dev.do('share', p.n) == '0', 'a queue pair with another user\'s CQ')
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    dev.received(p, 0, 1)


@case('SEC-7.3-01', 'DDP-8.3-01')
def memory_that_is_not_the_programs(dev):
    """Either it cannot be registered, or nothing comes from there and nothing
    goes there: an error of our side, then, as the peer did nothing wrong."""
    dev.listen(recvs=1)
    for slot, kind in enumerate(('ro', 'none', 'gone', 'kernel')):
        for write in (True, False):
            if kind == 'ro' and not write:
                continue
            p = dev.peer()
            got = dev.do('forbidden', slot, p.n, kind)
            if got.startswith('refused'):
                continue
            stag, to = map(int, got.split())
            p.send_fpdu(peer.tagged(WRITE, stag, to, b'\xee' * 64) if write else
                        peer.read_request(1, 64, 1, 0, stag, to))
            segments, _ = everything(p)
            ops = [s.op for s in segments]
            # a Response may have begun: there is no room for a Terminate
            need(ops == [TERM] or not write and not ops, f'{kind}, {ops}')
            need(not ops or segments[0].terminate()[:2] in ((0, 0), (0, 2)),
                 f'{kind}, Terminate {[s.payload.hex() for s in segments]}')
            dev.down(p)
            if kind == 'ro':
                need(dev.mem(slot, 0, 64) == pattern(64), 'it was written to')


@case('DDP-8.2-02', 'SEC-6.1.1-03')
def no_memory_of_a_single_stream(dev):
    """DIVERGES: nothing that a program can register is bound to one stream, so
    there are no windows; memory is of a protection domain."""
    dev.listen()
    _, windows = dev.do('device').split()
    need(windows == '0', 'memory windows')


@case('EXT-1.1-02', 'EXT-1.1-01')
def no_atomic_operations(dev):
    """A program is told, and a peer that probes with a FetchAdd of 0, too."""
    p = dev.peer()
    atomics, _ = dev.do('device').split()
    need(atomics == '0', f'atomic operations: {atomics}')
    u = peer.untagged(10, 1, struct.pack('>IIIQQQQQ', 0, 1, p.stag, p.to, 0, 0,
                                         0, 0), qn=1)
    p.send_fpdu(u)
    terminates(p, '0/2/06', u)
    need(dev.mem(own(p), 0, 8) == pattern(8), 'memory has changed')
