# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""What TCP does below all that: order, doublets, windows, FIN and RST."""

from mpa_enhanced import calls
from mpa_fpdu import clamped, check_stream, data, mulpdu
from suite import *

TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
SEND_QUEUE, NO_PROBE = 2, -1
TCP_INFO_SND_WND = 228


class Injector:
    """Puts segments of a connection on the wire besides those that its socket
    sends: for this a process must be root of its network namespace."""

    def __init__(self, p):
        if p.sock.family != socket.AF_INET:
            raise Skip('for IPv4 only')
        try:
            self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                     socket.IPPROTO_TCP)
            p.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        except PermissionError:
            raise Skip('not allowed to send segments by hand') from None
        p.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, SEND_QUEUE)
        self.seq = p.sock.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ)
        self.seq &= 0xffffffff
        p.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, 1)
        self.ack = p.sock.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ)
        self.ack &= 0xffffffff
        p.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, NO_PROBE)
        self.ours, self.theirs = p.sock.getsockname(), p.sock.getpeername()

    def put(self, off, octets):
        """Those octets behind what the socket has sent so far."""
        head = struct.pack('>HHIIBBHHH', self.ours[1], self.theirs[1],
                           self.seq + off & 0xffffffff, self.ack, 5 << 4, 0x18,
                           512, 0, 0)
        pseudo = socket.inet_aton(self.ours[0]) + \
            socket.inet_aton(self.theirs[0]) + \
            struct.pack('>HH', 6, len(head) + len(octets))
        all_ = pseudo + head + octets + bytes(len(octets) & 1)
        total = sum(struct.unpack(f'>{len(all_) // 2}H', all_))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        head = head[:16] + struct.pack('>H', total ^ 0xffff) + head[18:]
        self.raw.sendto(head + octets, (self.theirs[0], 0))


@case('MPA-1.2-02', 'DDP-3-11', 'DDP-3-05', 'MPA-7.1.5-03')
def out_of_order_and_twice(dev):
    """The last octets arrive first, and everything comes twice: nothing is done
    before the gap is closed, and then once."""
    dev.listen(repost=1)
    p = dev.peer()
    msn = 0
    for cuts in ((0, 1), (0, 30), (0, 60), (0, 30, 60), (0, 7, 50, 61)):
        octets = data(24)
        stream = (p.fpdu(peer.tagged(WRITE, p.stag, p.to + 512 + msn, octets)) +
                  p.fpdu(peer.untagged(SEND, msn + 1, b'x' * (msn + 1))) +
                  p.fpdu(peer.untagged(SEND, msn + 2, b'y' * (msn + 2))))
        at = Injector(p)
        before = dev.mem(own(p), 512 + msn, 24)
        pieces = list(zip(cuts, (*cuts[1:], len(stream))))
        for begin, end in pieces[:0:-1] * 2:
            at.put(begin, stream[begin:end])
        time.sleep(0.02)
        need(dev.mem(own(p), 512 + msn, 24) == before, 'placed too early')
        need(len(dev.seen(f'^{p.n} recv ')) == msn, 'delivered too early')
        p.send(stream)
        for begin, end in pieces:
            at.put(begin, stream[begin:end])
        dev.received(p, msn % 4, msn + 1)
        dev.received(p, (msn + 1) % 4, msn + 2)
        need(dev.mem(own(p), 512 + msn, 24) == octets, 'not placed')
        msn += 2
    quiet(p)
    need(len(dev.seen(f'^{p.n} recv ')) == msn, 'delivered twice')


@case('DDP-6.2.1-03')
def octets_behind_the_fin(dev):
    """They are no part of the stream."""
    p = dev.peer()
    at = Injector(p)
    p.shut()
    at.put(1, p.fpdu(peer.tagged(WRITE, p.stag, p.to, b'\xee' * 64)))
    at.put(1, p.fpdu(peer.untagged(SEND, 1, b'x')))
    need(not everything(p)[0], 'an answer')
    dev.down(p, receives=4)
    dev.none(f'^{p.n} recv .* success')
    need(dev.mem(own(p), 0, 64) == pattern(64), 'placed')


@case('DDP-A-01')
def window(dev):
    """Our side does not make it smaller than TCP does by itself."""
    p = dev.peer()
    info = p.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    if len(info) < TCP_INFO_SND_WND + 4:
        raise Skip('this kernel does not tell the window')
    got = struct.unpack_from('I', info, TCP_INFO_SND_WND)[0]
    need(got >= 32 * 1460, f'{got} octets')


@case('MPA-4.5-06', 'MPA-4.5-03', 'MPA-5.1-04')
def small_messages_in_front_of_a_large_one(dev):
    """What is left of a segment does not make an FPDU smaller."""
    p = clamped(dev, 536)
    dev.mr(0, p.n, 4096)
    for i in range(40):
        for j in range(3):
            dev.post(p, 'send', i, 20 + i, slot=0, flags='u')
        dev.post(p, 'write', i, 4096, slot=0, stag=5)
    sizes = set()
    for i in range(40):
        for j in range(3):
            need(len(p.recv_segment().payload) == 20 + i, 'a small one')
        got = check_stream(p, 4096)[1]
        sizes |= set(got[:-1])
    most = mulpdu(p)
    need(len(sizes) == 1 and min(sizes) >= 512 - 12 and max(sizes) <= most,
         f'ULPDUs of {sizes}')


# FIN and RST at every state

def states_of_a_responder(dev):
    """Peers, and whether our program knows of them: nothing said, half a
    Request, one that the program thinks about, a Reply that is not looked at,
    an FPDU, half of one, a message half, a Read under way."""
    dev.listen(answer=0)
    yield dev.tcp(), False
    p = dev.tcp()
    p.send(peer.mpa(REQ, C, 1, b'data')[:22])
    yield p, False
    dev.listen(answer=2)
    p = dev.tcp()
    p.send(peer.mpa(REQ, C, 1))
    dev.joined(p)
    yield p, False
    dev.listen(answer=0)
    yield dev.peer(gate=False), True
    yield dev.peer(), True
    p = dev.peer()
    p.send(p.fpdu(peer.untagged(SEND, 1, b'x' * 40))[:30])
    yield p, True
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'x', last=False))
    yield p, True
    p = dev.peer()
    dev.post(p, 'read', 1, 8, stag=5)
    p.recv_segment()
    yield p, True


@case('MPA-8-01', 'DDP-6.2.2-01', 'MPA-7.1.1-19')
def fin_or_rst_at_every_state_of_a_responder(dev):
    for leave in (Peer.shut, Peer.reset, Peer.close):
        for p, known in states_of_a_responder(dev):
            leave(p)
            if known:
                dev.down(p, receives=4)
            if leave is Peer.shut:
                need(not everything(p)[0] if known else True, 'an answer')
            p.close()


@case('MPA-8-01', 'MPA-7.1.2-07')
def fin_or_rst_at_every_state_of_an_initiator(dev):
    """Half a Reply; a Reply, and our RTR not read; our RTR answered."""
    for leave in (Peer.shut, Peer.reset, Peer.close):
        p = dev.call()
        p.request = p.recv_startup()
        p.listener.close()
        p.send(reply_to(p)[:21])
        leave(p)
        dev.expect(f'event (?!.*ESTABLISHED).*conn {p.n} ')
        p = calls(dev)
        leave(p)
        dev.expect(f'event .*conn {p.n} ')
        p = calls(dev)
        s = p.recv_segment()
        sink, to = struct.unpack('>IQ', s.payload[:12])
        p.send_fpdu(peer.tagged(READ_RESP, sink, to))
        dev.expect(f'ESTABLISHED .*conn {p.n} ')
        leave(p)
        dev.down(p, receives=4)
