# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5044 sections 7.2 and 8, RFC 5041 section 6.2: FIN, RST and errors."""

from mpa_fpdu import data
from suite import *


@case('MPA-3-08', 'MPA-7.2-02', 'DDP-3-09', 'DDP-6.2.1-05', 'RDMAP-6.2-01')
def fin_while_idle(dev):
    """A close by the peer is an event and no error: FIN is the answer."""
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    p.shut()
    need(not closes(p, rst=False), 'RST')
    dev.down(p, receives=3)
    dev.none('async .*(error|fatal)')


@case('MPA-8-01', 'DDP-6.2.2-01', 'DDP-6.2.2-02', 'RDMAP-6.2-02')
def rst_while_idle(dev):
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    dev.received(p, 0, 1)
    p.reset()
    dev.down(p, receives=3)


@case('DDP-6.2.1-07', 'MPA-8-01', 'DDP-6.2.2-01')
def fin_inside_an_fpdu(dev):
    """At every octet; FPDUs in front of it count."""
    f = peer.fpdu(peer.untagged(SEND, 2, b'abcdefg'))
    for n in range(1, len(f), 3):
        p = dev.peer()
        p.send_fpdu(peer.untagged(SEND, 1, b'x'))
        p.send(f[:n])
        p.shut()
        segments, _ = everything(p)
        need(not segments, f'an answer to {n} octets')
        dev.down(p, receives=3)
        dev.received(p, 0, 1)
    dev.none('recv 1 success')


@case('DDP-6.2.1-07')
def fin_inside_a_message(dev):
    p = dev.peer()
    p.send_fpdu(peer.untagged(SEND, 1, b'abc', last=False))
    p.shut()
    need(not everything(p)[0], 'an answer')
    dev.down(p, receives=4)


@case('DDP-6.2.1-07', 'DDP-6.2.2-02')
def fin_while_we_read(dev):
    """The Response cannot come any more; there is nobody to be told so."""
    p = dev.peer()
    dev.post(p, 'read', 1, 8, stag=5)
    need(p.recv_segment().op == READ_REQ, 'no Read Request')
    p.shut()
    need(not everything(p)[0], 'an answer')
    dev.down(p, receives=4)
    dev.expect(f'^{p.n} sent 1 (?!success)')


@case('MPA-8-01', 'RDMAP-6.2.1-03')
def rst_behind_our_terminate(dev):
    """At the latest when our side is tired of waiting for a FIN."""
    for pause in (0, 0.02, 0.2):
        p = dev.peer()
        p.send_fpdu(peer.tagged(WRITE, 5, 0, b'x'))
        time.sleep(pause)
        p.reset()
        dev.down(p, receives=4)


@case('MPA-8-01', 'DDP-6.2.2-02', 'DDP-3-03')
def rst_inside_an_fpdu(dev):
    f = peer.fpdu(peer.untagged(SEND, 1, b'abcdefg'))
    for n in range(1, len(f), 5):
        p = dev.peer()
        for i in range(3):
            dev.post(p, 'read', i, 8, stag=5)
        p.send(f[:n])
        p.reset()
        dev.down(p, receives=4)
        dev.expect(f'^{p.n} sent .*Flushed', count=3)


@case('MPA-8-01')
def rst_at_every_state_of_a_responder(dev):
    for request, gate in ((b'', False), (peer.mpa(REQ, C, 1), False),
                          (peer.mpa(REQ, C, 1), True)):
        p = dev.tcp()
        p.send(request)
        if request:
            p.recv_startup()
            dev.joined(p)
        if gate:
            p.send_fpdu(peer.tagged(WRITE, 1, 0))
        p.reset()
        if request:
            dev.down(p, receives=4)


@case('MPA-8-01', 'EMPA-10-06', rev=1)
def end_at_every_state_of_an_initiator(dev):
    for leave in (Peer.reset, Peer.close):
        p = dev.call()
        p.recv_startup()
        leave(p)
        dev.expect(f'event (?!.*ESTABLISHED).*conn {p.n} ')
        p = dev.called()
        leave(p)
        dev.down(p, receives=4)


@case('DDP-6.2.1-01', 'MPA-7.2-01', 'RDMAP-6.2-01', 'DDP-6.2.1-05')
def disconnect_after_what_was_posted(dev):
    p = dev.peer()
    for i in range(50):
        dev.post(p, 'send', i, 3000)
    dev.do('disconnect', p.n)
    octets, msn = 0, 0
    try:
        while True:
            s = p.recv_segment()
            need(s.crc_good, 'bad CRC')
            octets, msn = octets + len(s.payload), s.msn
    except Closed as end:
        need(not end.reset, 'RST')
    need((octets, msn) == (150000, 50), f'{octets} octets, {msn} messages')
    dev.expect(f'^{p.n} sent .* success', count=50)


@case('MPA-7.2-01', 'DDP-6.2.1-06')
def disconnect_and_receive_on(dev):
    """Our FIN ends one direction only."""
    p = dev.peer()
    dev.do('disconnect', p.n)
    closes(p, rst=False)
    p.send_fpdu(peer.untagged(SEND, 1, b'behind the FIN'))
    dev.received(p, 0, 14)
    p.close()
    dev.down(p, receives=3)


@case('DDP-6.2.1-02')
def post_after_disconnect(dev):
    p = dev.peer()
    dev.do('disconnect', p.n)
    closes(p, rst=False)
    rv = dev.do('post', p.n, 'send', 8, own(p), 0, 8, 0, 0, '-')
    if rv == '0':
        p.close()
        dev.expect(f'^{p.n} sent 8 .*Flushed')


@case('DDP-6.2.1-04')
def half_close_by_the_peer(dev):
    """What was posted before still arrives."""
    p = dev.peer()
    dev.mr(0, p.n, 1 << 20)
    for i in range(8):
        dev.post(p, 'write', i, 1 << 20, slot=0, stag=5)
    p.shut()
    octets = 0
    for s in everything(p)[0]:
        octets += len(s.payload)
    need(octets == 8 << 20, f'{octets} octets of {8 << 20}')


@case('DDP-3-03', 'DDP-6.2.2-02', 'RDMAP-5.4-04')
def every_request_completes(dev):
    """The peer vanishes in the middle of a lot of work."""
    p = dev.peer()
    dev.mr(0, p.n, 1 << 20)
    for i in range(30):
        dev.post(p, ('send', 'write', 'read')[i % 3], i, 1 << 20, slot=0, stag=5)
    p.recv_segment()
    p.reset()
    dev.expect(f'^{p.n} sent ', count=30)
    dev.down(p, receives=4)
    time.sleep(0.1)
    need(len(dev.seen(f'^{p.n} sent ')) == 30, 'completions')


@case('DDP-3-08', 'DDP-3-10', 'RDMAP-7-01', 'RDMAP-5.4-05', 'DDP-7.1-16',
      'DDP-7.1-17', 'RDMAP-6.2.1-04')
def nothing_counts_after_an_error(dev):
    """The peer goes on for a second: no RST, no effect."""
    p = dev.peer()
    u = peer.tagged(WRITE, 5, 0, b'x')
    p.send_fpdu(u)
    end = time.time() + 1
    msn = 1
    while time.time() < end:
        p.send_fpdu(peer.untagged(SEND, msn, b'x'))
        p.send_fpdu(peer.tagged(WRITE, p.stag, p.to, b'\xee' * 64))
        msn += 1
        time.sleep(0.01)
    terminates(p, '1/1/00', u)
    dev.none('recv .* success')
    need(dev.mem(own(p), 0, 64) == pattern(64), 'it was placed')
    dev.down(p, receives=4)
    p.close()


@case('RDMAP-6.2.1-05', 'RDMAP-6.2.1-03', long=True)
def peer_never_closes(dev):
    """Our side does not wait for ever."""
    p = dev.peer()
    p.send_fpdu(peer.tagged(WRITE, 5, 0, b'x'))
    everything(p)

    def reset():
        try:
            p.send_fpdu(peer.untagged(SEND, 1))
        except (BrokenPipeError, ConnectionResetError):
            return True
        time.sleep(0.2)
        return False
    until(reset, 'no RST within 15 s', 15)


@case('DDP-6.1-01')
def both_directions_at_once(dev):
    dev.listen(repost=1)
    p = dev.peer()
    for i in range(1, 40):
        dev.post(p, 'send', i, 100)
        p.send_fpdu(peer.untagged(SEND, i, data(100)))
        need(p.recv_segment().msn == i, 'order')
        dev.expect(f'^{p.n} recv .* success 100', count=i)
