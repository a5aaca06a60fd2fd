# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5044 section 4.3: markers, in each direction by itself."""

from mpa_fpdu import check_stream, data
from suite import *


def check_markers(p, least=1):
    """All that came so far."""
    need(len(p.markers) >= least, f'{len(p.markers)} markers')
    for i, (pos, where, value) in enumerate(p.markers):
        need(pos == i * peer.GAP, f'marker {i} at {pos}')
        need(value == where and not value & 3,
             f'marker at {pos}: {value:#x}, not {where:#x}')


def sizes_from(dev, p, sizes):
    """Our side sends messages of these sizes; our first FPDU was ours."""
    for i, n in enumerate(sizes):
        dev.post(p, 'send', i, n)
        s = p.recv_segment()
        need(s.crc_good or not p.crc, f'bad CRC, payload of {n}')
        need(s.payload == pattern(n), f'payload of {n}')
        dev.expect(f'^{p.n} sent {i} success')


# what our side sends

@case('MPA-4.2-01', 'MPA-4.2-03', 'MPA-4.3-01', 'MPA-4.3-02', 'MPA-7.1.2-17',
      'MPA-4.3-07')
def send_small(dev):
    p = dev.peer(flags=C | M)
    sizes_from(dev, p, [46] * 60)
    check_markers(p, 5)


@case('MPA-4.3-03', 'MPA-4.3-04', 'MPA-4.3-06')
def send_a_large_message(dev):
    p = dev.peer(flags=C | M)
    dev.mr(0, p.n, 1 << 20)
    dev.post(p, 'write', 1, 1 << 20, slot=0, stag=5, to=0)
    octets, sizes = check_stream(p, 1 << 20)
    need(octets == pattern(1 << 20), 'other octets')
    check_markers(p, 2048)
    need(sizes[0] < 4096 or p.markers[2][1] - p.markers[1][1] == peer.GAP,
         'pointers of one FPDU')


@case('MPA-4.3-04', 'MPA-4.3-05', 'MPA-4.1-02')
def send_every_size(dev):
    p = dev.peer(flags=C | M)
    sizes_from(dev, p, range(0, 560, 3))
    check_markers(p, 100)


@case('MPA-4.3-10', 'MPA-4.4-09', 'MPA-4.4-10')
def send_golden(dev):
    """Where a marker is between PAD and CRC, or between two FPDUs; the FPDU of
    RFC 5044's figure 5 with another payload."""
    for sizes, where in (((488,), (0, 508)), ((484, 6), (0, 0)),
                         ((464, 24), (0, 20)), ((24, 1000, 10), (0, 460, 972))):
        p = dev.peer(flags=C | M)
        sizes_from(dev, p, sizes)
        need(tuple(m[2] for m in p.markers) == where,
             f'{sizes}: {[m[2] for m in p.markers]}')
        check_markers(p)


@case('MPA-4.3-05', 'MPA-4.3-13')
def send_a_marker_between_fpdus(dev):
    """With the second one, not by itself."""
    p = dev.peer(flags=C | M)
    sizes_from(dev, p, [484])
    need(p.rx_pos == 512, f'position {p.rx_pos}')
    quiet(p)
    dev.post(p, 'send', 2, 9)
    need(p.sock.recv(4, socket.MSG_PEEK) == bytes(4), 'no marker')
    need(p.recv_segment().crc_good, 'its CRC')
    check_markers(p, 2)


@case('MPA-4.3-11', 'MPA-7.1.2-17')
def send_without(dev):
    p = dev.peer()
    sizes_from(dev, p, (484, 488, 1000))


@case('MPA-4.4-08', 'MPA-4.3-01')
def terminate_with_markers(dev):
    for size in (10, 440, 460, 484, 488):
        p = dev.peer(flags=C | M)
        sizes_from(dev, p, [size])
        u = peer.tagged(WRITE, 5, 0, b'x')
        p.send_fpdu(u)
        terminates(p, '1/1/00', u)
        check_markers(p)


@case('MPA-7.1.1-05', 'MPA-7.1.1-06', 'MPA-4.3-01')
def caller_sends(dev):
    """The Reply asks for them, the Request does not."""
    p = dev.called(flags=C | M)
    need(not p.request[1] & M, 'M of the Request')
    for i in range(5):
        dev.post(p, 'send', i, 300)
        need(len(served(p).payload) == 300, 'payload')
    check_markers(p, 3)


def both_ways(dev, want_tx, crc=C):
    p = dev.peer(flags=crc | (M if want_tx else 0))
    need((p.mark_rx, bool(p.flags & C)) == (want_tx, bool(crc)), 'flags')
    sizes = (0, 1, 480, 484, 488, 1000, 4000)
    for i, n in enumerate(sizes, 1):
        p.send_fpdu(peer.tagged(WRITE, p.stag, p.to + 9, data(n)))
        p.send_fpdu(peer.read_request(i, n, i, 0, p.stag, p.to + 9))
        got = b''
        while True:
            s = p.recv_segment()
            need(s.crc_good or not p.crc, 'bad CRC')
            got += s.payload
            if s.last:
                break
        need(got == data(n), f'{n} octets')
    if want_tx:
        check_markers(p, 5)
    return p


@case('MPA-4.3-12', 'MPA-7.1.1-06')
def markers_0_0(dev):
    for crc in (0, C):
        need(not both_ways(dev, False, crc).mark_tx, 'M of the Reply')


@case('MPA-4.3-12', 'MPA-7.1.1-06')
def markers_1_0(dev):
    for crc in (0, C):
        need(not both_ways(dev, True, crc).mark_tx, 'M of the Reply')


@case('MPA-4.3-12', 'MPA-7.1.1-05', markers=1)
def markers_0_1(dev):
    for crc in (0, C):
        need(both_ways(dev, False, crc).mark_tx, 'M of the Reply')


@case('MPA-4.3-12', 'MPA-7.1.1-05', markers=1)
def markers_1_1(dev):
    for crc in (0, C):
        need(both_ways(dev, True, crc).mark_tx, 'M of the Reply')


@case('MPA-7.1.1-05', 'MPA-4.3-12', markers=1)
def caller_receives(dev):
    for flags in (C, C | M):
        p = dev.called(flags=flags)
        need(p.request[1] & M, 'M of the Request')
        dev.post(p, 'send', 1, 700)
        need(len(served(p).payload) == 700, 'payload')
        for i in range(1, 4):
            p.send_fpdu(peer.untagged(SEND, i, data(230)))
            dev.received(p, i - 1, 230)


# what our side gets

@case('MPA-4.3-09', 'MPA-5.2-02', markers=1)
def receive_a_long_message(dev):
    dev.listen(recvs=0)
    p = dev.peer()
    dev.mr(0, p.n, 10240)
    dev.do('recv', p.n, 77, 0, 0, 10240)
    octets = data(10240)
    for i in range(0, 10240, 1024):
        p.send_fpdu(peer.untagged(SEND, 1, octets[i:i + 1024], mo=i,
                                  last=i == 9216))
    dev.received(p, 77, 10240)
    need(dev.mem(0, 0, 10240) == octets, 'other octets')


@case('MPA-4.3-09', 'MPA-4.3-05', markers=1)
def receive_every_size(dev):
    dev.listen(repost=1, recvs=8)
    for flags in (0, C):
        p = dev.peer(flags=flags)
        for i, n in enumerate(range(0, 256), 1):
            p.send_fpdu(peer.untagged(SEND, i, data(n)))
            dev.expect(f'^{p.n} recv .* success {n}$')


@case('MPA-5.1-05', 'MPA-4.3-09', markers=1)
def receive_cut_anywhere(dev):
    dev.listen(repost=1, recvs=8)
    p = dev.peer()
    for n in range(1, 530, 2):
        f = (p.fpdu(peer.tagged(WRITE, p.stag, p.to + 300, data(460))) +
             p.fpdu(peer.untagged(SEND, n // 2 + 1, data(10))))
        p.send(f[:n])
        time.sleep(0.001)
        p.send(f[n:])
        dev.expect(f'^{p.n} recv .* success 10$', count=n // 2 + 1)


@case('MPA-4.2-02', 'MPA-4.2-04', markers=1)
def receive_ignored_bits(dev):
    dev.listen(repost=1)
    p = dev.peer()
    for i, more in enumerate((0xffff0000, 0x00010000, 1, 2, 3, 0xffff0003), 1):
        for j in range(3):
            p.send_fpdu(peer.untagged(SEND, 3 * i + j - 2, data(200)),
                        marker=lambda where, more=more: where | more)
            dev.expect(f'^{p.n} recv .* success 200$', count=3 * i + j - 2)


@case('MPA-8-03', 'MPA-8-06', markers=1)
def receive_wrong_pointers(dev):
    for wrong in (4, 8, -4, 0x200, 0xfffc):
        dev.listen(recv_len=600)
        p = dev.peer()
        p.send_fpdu(peer.untagged(SEND, 1, data(600)),
                    marker=lambda where, wrong=wrong: (where + wrong) & 0xffff)
        terminates(p, '2/0/03')
        dev.down(p, receives=4)


@case('MPA-8-02', markers=1)
def receive_a_marker_that_the_crc_does_not_cover(dev):
    p = dev.peer()
    f = bytearray(p.fpdu(peer.tagged(WRITE, p.stag, p.to, data(600))))
    f[-300] ^= 1
    p.send(f)
    terminates(p, '2/0/02')


@case('MPA-4.3-14', markers=1)
def receive_a_marker_early(dev):
    dev.listen(recv_len=300)
    p = dev.peer(gate=False)
    p.send_fpdu(peer.untagged(SEND, 1, data(200)))
    p.send_fpdu(peer.untagged(SEND, 2, data(512 - 4 - 224 - 24)))
    need(p.tx_pos == 512, f'position {p.tx_pos}')
    f = p.fpdu(peer.untagged(SEND, 3, b'third'))
    p.send(f[:4])
    dev.received(p, 1, 260)
    time.sleep(0.2)
    p.send(f[4:])
    dev.received(p, 2, 5)
