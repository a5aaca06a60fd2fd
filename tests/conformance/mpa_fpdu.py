# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5044 sections 3 to 6: FPDUs, their length, padding and CRC, and how a
stream may be cut."""

import zlib

from suite import *

HELLO = peer.untagged(SEND, 1, b'hello')	# three octets of padding


def big_recv(dev, p, length, slot=0):
    """A receive of that size is the first one of p."""
    dev.mr(slot, p.n, length)
    need(dev.do('recv', p.n, 77, slot, 0, length) == '0', 'post_recv')


def data(n):
    return bytes((i * 7 + i // 251) & 0xff for i in range(n))


def check_stream(p, total, first=14):
    """Segments of one message, up to the last: their payload, their sizes."""
    octets, sizes = b'', []
    while len(octets) < total:
        s = p.recv_segment()
        need(s.crc_good, 'bad CRC')
        need(s.pad == bytes(len(s.pad)), f'PAD {s.pad.hex()}')
        octets += s.payload
        sizes.append(len(s.ulpdu))
        need(s.last == (len(octets) >= total), 'L')
    return octets, sizes


# what our side sends

@case('MPA-4.1-01', 'MPA-4.1-02', 'MPA-4.1-03', 'MPA-3-01', 'MPA-4.4-09',
      'MPA-4.4-11', 'DDP-4.3-01', 'DDP-5.4-03')
def send_every_padding(dev):
    p = dev.peer()
    for n in range(0, 9):
        dev.post(p, 'send', n, n)
        s = p.recv_segment()
        need(len(s.ulpdu) == 18 + n, f'ULPDU_Length {len(s.ulpdu)} for {n}')
        need(s.pad == bytes(-(2 + 18 + n) % 4) and s.crc_good,
             f'PAD {s.pad.hex()}')
        need(s.payload == pattern(n) and s.msn == n + 1, 'payload')


@case('MPA-4.1-06', 'MPA-4.4-06')
def send_without_crc(dev):
    """The field stays."""
    p = dev.peer(flags=0)
    need(not p.crc, 'CRC is on')
    for n in (1, 2, 3, 4):
        dev.post(p, 'send', n, n)
        need(p.recv_segment().payload == pattern(n), 'payload')


def mulpdu(p):
    emss = p.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    return min(max(emss - 6 - emss % 4, 128), 64768)


def clamped(dev, mss, **how):
    """A connection for which the peer takes no larger segments."""
    dev.listen()
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
    sock.connect((dev.addr, dev.port))
    p = Peer(sock, PATIENCE)
    p.hello = p.initiate(**how)
    dev.joined(p)
    p.stag, p.len, p.to = struct.unpack('>IIQ', p.hello[-16:])
    p.send_fpdu(peer.tagged(WRITE, 1, 0))
    return p


def send_large(dev, p, size, most=None):
    dev.mr(0, p.n, size)
    dev.post(p, 'write', 1, size, slot=0, stag=5, to=1 << 33)
    octets, sizes = check_stream(p, size)
    need(octets == pattern(size), 'other octets')
    need(max(sizes) <= 64768, f'a ULPDU of {max(sizes)}')
    need(set(sizes[:-1]) <= {max(sizes)}, f'sizes {set(sizes)}')
    dev.expect(f'^{p.n} sent 1 success')
    return max(sizes)


@case('MPA-3-04', 'DDP-5.2-04', 'MPA-4.5-04', 'MPA-3-03')
def send_over_a_large_mtu(dev):
    send_large(dev, dev.peer(), 1 << 20)


@case('MPA-3-03', 'MPA-4.5-01', 'MPA-4.5-04', 'MPA-5.1-01', 'DDP-5.2-01',
      'MPA-3-02')
def send_as_the_mss_says(dev):
    """MULPDU = EMSS - (6 + EMSS mod 4); Linux takes 12 for timestamps."""
    for mss in (536, 1440, 1441, 1460, 8960):
        p = clamped(dev, mss)
        got = send_large(dev, p, 70000)
        emss = mss - 12 if got != mss - 6 - mss % 4 else mss
        need(got == emss - 6 - emss % 4, f'ULPDU {got} for an MSS of {mss}')


@case('MPA-4.5-05')
def send_with_a_tiny_mss(dev):
    """Not below 128, so FPDUs go over several segments."""
    need(send_large(dev, clamped(dev, 88), 3000) == 128, 'not 128')


@case('MPA-3-03', 'MPA-4.5-02', 'DDP-5.2-01')
def send_as_the_mss_says_with_markers(dev):
    for mss in (536, 1448, 8960):
        p = clamped(dev, mss, flags=C | M)
        p.tx_pos, p.mark_tx = 0, False
        got = send_large(dev, p, 70000)
        fits = [emss - 6 - 4 * -(-emss // 512) - emss % 4
                for emss in (mss, mss - 12)]
        need(got in fits, f'ULPDU {got} for an MSS of {mss}, not {fits}')


# padding and CRC of what our side gets

@case('MPA-4.1-04')
def padding_is_ignored(dev):
    p = dev.peer()
    body = peer.unpadded(HELLO) + b'\xaa\xbb\xcc'
    p.send(body + struct.pack('<I', peer.crc32c(body)))
    dev.received(p, 0, 5)
    need(dev.mem(own(p), 0, 6)[:6] == b'hello' + pattern(1, 5), 'placed')


@case('MPA-4.1-05', 'MPA-8-02')
def padding_is_covered(dev):
    p = dev.peer()
    body = peer.unpadded(HELLO)
    p.send(body + b'\xaa\xbb\xcc' +
           struct.pack('<I', peer.crc32c(body + bytes(3))))
    terminates(p, '2/0/02')


@case('MPA-4.4-12', 'MPA-8-02', 'MPA-6-01', 'MPA-3-06', 'MPA-4.4-01',
      'DDP-3-06')
def every_bit_is_covered(dev):
    """But for the length: that would be waiting for another FPDU."""
    good = peer.fpdu(HELLO)
    dev.listen(recvs=1)
    for bit in range(16, 8 * len(good), 5):
        p = dev.peer()
        bad = bytearray(good)
        bad[bit // 8] ^= 0x80 >> bit % 8
        p.send(bad)
        try:
            terminates(p, '2/0/02')
        except Wrong as why:
            raise Wrong(f'bit {bit}: {why}') from None
    dev.none('recv .* success')


@case('MPA-3-06', 'MPA-6-01', 'MPA-8-02', 'MPA-8-06', 'MPA-8-05',
      'DDP-6.2.2-03', 'DDP-6.2.2-04', 'RDMAP-6.2.1-01', 'DDP-7-01')
def bad_crc_of_a_write(dev):
    """Nothing of it is placed, and nothing behind it is looked at."""
    p = dev.peer()
    p.send(p.fpdu(peer.tagged(WRITE, p.stag, p.to, b'\xee' * 64), damage=1) +
           p.fpdu(peer.tagged(WRITE, p.stag, p.to + 64, b'\xee' * 64)) +
           p.fpdu(peer.untagged(SEND, 1, b'x')))
    terminates(p, '2/0/02')
    dev.down(p, receives=4)
    dev.expect('^async ')
    need(dev.mem(own(p), 0, 128) == pattern(128), 'it was placed')
    dev.none('recv .* success')


def crc_agreed(dev, request, wrong):
    p = dev.peer(flags=request)
    dev.post(p, 'send', 1, 50)
    s = p.recv_segment()
    need(s.crc_good or not p.crc, 'the CRC is on, and wrong')
    p.send(peer.fpdu(HELLO, damage=1))
    if wrong:
        terminates(p, '2/0/02')
    else:
        dev.received(p, 0, 5)
    return p


@case('MPA-4.4-05', 'MPA-4.1-07', 'MPA-7.1.1-07')
def crc_0_0(dev):
    need(not crc_agreed(dev, 0, False).flags & C, 'Reply with C')


@case('MPA-4.4-04', 'MPA-7.1.1-07')
def crc_1_0(dev):
    """The Reply says what is going to be (D-05)."""
    need(crc_agreed(dev, C, True).flags & C, 'Reply without C')


@case('MPA-4.4-04', 'MPA-7.1.1-07', crc=1)
def crc_0_1(dev):
    need(crc_agreed(dev, 0, True).flags & C, 'Reply without C')


@case('MPA-4.4-04', 'MPA-7.1.1-07', crc=1)
def crc_1_1(dev):
    crc_agreed(dev, C, True)


def crc_of_caller(dev, reply, want):
    p = dev.called(flags=reply)
    wrong = bool(p.request[1] & C or reply)
    need(wrong == want, 'what our side asks for')
    dev.post(p, 'send', 1, 50)
    need(len(served(p).payload) == 50, 'payload')
    p.send(peer.fpdu(HELLO, damage=1))
    if want:
        terminates(p, '2/0/02')
    else:
        dev.received(p, 0, 5)


@case('MPA-4.4-05')
def caller_crc_0_0(dev):
    crc_of_caller(dev, 0, False)


@case('MPA-4.4-04')
def caller_crc_0_1(dev):
    crc_of_caller(dev, C, True)


@case('MPA-4.4-04', 'MPA-4.4-03', crc=1)
def caller_crc_1_0(dev):
    crc_of_caller(dev, 0, True)


@case('MPA-4.4-08')
def crc_to_the_end(dev):
    """A long connection, and the Terminate at its end."""
    dev.listen(repost=1)
    p = dev.peer()
    for i in range(1, 200):
        p.send_fpdu(peer.untagged(SEND, i, data(i)))
        dev.expect(f'^{p.n} recv .* success', count=i)
        if i % 20 == 0:
            dev.post(p, 'send', i, i)
            need(p.recv_segment().crc_good, 'bad CRC')
    p.send_fpdu(HELLO, damage=1)
    terminates(p, '2/0/02')


@case('MPA-1.2-01', 'MPA-4.4-02', 'MPA-4.4-13')
def crc_by_default(dev):
    """DIVERGES: neither asked for nor refused."""
    need(not dev.call().recv_startup()[1] & C, 'C=1')
    need(not dev.peer(flags=0).flags & C, 'C=1')


# lengths

@case('MPA-4.1-08')
def runts(dev):
    for n, first in ((0, b''), (1, b'\xc1'), (2, b'\xc1\x40'),
                     (13, b'\xc1\x40'), (1, b'\x41'), (17, b'\x41\x43'),
                     (14, b'\x41\x43')):
        p = dev.peer()
        p.send_fpdu(first.ljust(n, b'\0'))
        terminates(p, '1/0/00')


@case('MPA-4.1-09', 'MPA-A.5-01', 'DDP-3-07')
def largest_ulpdus(dev):
    p = dev.peer()
    stag, to = dev.mr(0, p.n, 70000)
    for i, n in enumerate((64768 - 14, 65000 - 14, 65534 - 14, 65535 - 14)):
        octets = data(n)[i:] + bytes(i)
        p.send_fpdu(peer.tagged(WRITE, stag, to + i, octets))
        p.send_fpdu(peer.untagged(SEND, i + 1, b'done'))
        dev.received(p, i, 4)
        need(int(dev.do('sum', 0, i, n)) == zlib.adler32(octets),
             f'{n} octets are not the same')


@case('MPA-4.1-09', 'DDP-5.3-01')
def largest_send(dev):
    dev.listen(recvs=0)
    p = dev.peer()
    big_recv(dev, p, 65517)
    octets = data(65517)
    p.send_fpdu(peer.untagged(SEND, 1, octets))
    dev.received(p, 77, 65517)
    need(dev.mem(0, 0, 65517) == octets, 'other octets')


@case('MPA-3-05', 'MPA-5.1-05', 'DDP-5.3-03')
def segments_of_one_octet(dev):
    dev.listen(recvs=0)
    p = dev.peer()
    big_recv(dev, p, 1000)
    octets = data(1000)
    p.send(b''.join(p.fpdu(peer.untagged(SEND, 1, octets[i:i + 1], mo=i,
                                         last=i == 999)) for i in range(1000)))
    dev.received(p, 77, 1000)
    need(dev.mem(0, 0, 1000) == octets, 'other octets')


# how the stream is cut

def cut(dev, p, pieces):
    """Three FPDUs, given in pieces; then it is read what they wrote."""
    p.msn = getattr(p, 'msn', 0) + 1
    octets = bytes((p.msn + i) & 0xff for i in range(13))
    stream = (p.fpdu(peer.tagged(WRITE, p.stag, p.to + 99, octets)) +
              p.fpdu(peer.untagged(SEND, p.msn, b'between')) +
              p.fpdu(peer.read_request(p.msn, 13, 9, 5, p.stag, p.to + 99)))
    begin = 0
    for end in [*pieces(len(stream)), len(stream)]:
        if begin < end:
            p.send(stream[begin:end])
            time.sleep(0.001)
        begin = end
    s = p.recv_segment()
    need((s.op, s.payload) == (READ_RESP, octets), f'{s.ulpdu.hex()}')
    dev.expect(f'^{p.n} recv .* success 7', count=p.msn)


@case('MPA-5.1-05', 'MPA-5.2-01', 'MPA-A.4-01', 'DDP-3-04', 'RDMAP-5.5-12')
def cut_at_every_octet(dev):
    for flags in (0, C):
        dev.listen(repost=1, recv_len=16)
        p = dev.peer(flags=flags)
        for n in range(1, 24 + 4 + 32 + 52):
            cut(dev, p, lambda _, n=n: [n])


@case('MPA-5.1-05', 'DDP-3-04')
def cut_twice(dev):
    dev.listen(repost=1, recv_len=16)
    p = dev.peer()
    for n in range(1, 80, 3):
        for m in (1, 2, 5, 11):
            cut(dev, p, lambda _, n=n, m=m: [n, n + m])


@case('MPA-5.1-05', 'MPA-5.2-01')
def cut_into_single_octets(dev):
    for flags in (0, C):
        dev.listen(repost=1, recv_len=16)
        p = dev.peer(flags=flags)
        for step in (1, 2, 3, 7):
            cut(dev, p, lambda size, step=step: range(0, size, step))


@case('MPA-6-02', 'MPA-3-06')
def half_an_fpdu_is_not_acted_upon(dev):
    """Not placed, and not even looked at: its STag is of no use."""
    p = dev.peer()
    good = p.fpdu(peer.tagged(WRITE, p.stag, p.to, b'\xee' * 500))
    p.send(good[:300])
    quiet(p)
    need(dev.mem(own(p), 0, 500) == pattern(500), 'placed')
    p.send(good[300:])
    p.send_fpdu(peer.untagged(SEND, 1))
    dev.received(p, 0, 0)
    need(dev.mem(own(p), 0, 500) == b'\xee' * 500, 'not placed')
    p.send(p.fpdu(peer.tagged(WRITE, 5, 0, b'\xee' * 500))[:300])
    quiet(p)


# what TCP can do besides

@case('MPA-5.1-05', 'DDP-3-04')
def urgent_data(dev):
    """An octet like all others: MPA knows nothing of it."""
    octets = data(100)
    f = peer.fpdu(peer.untagged(SEND, 1, octets))
    for at in (0, 1, 10, 30, len(f) - 1):
        p = dev.peer()
        p.send(f[:at])
        p.sock.send(f[at:at + 1], socket.MSG_OOB)
        p.send(f[at + 1:])
        dev.received(p, 0, 100)
        need(dev.mem(own(p), 0, 100) == octets, f'octet {at}: other data')


@case('MPA-7.1.1-22')
def urgent_data_in_a_request(dev):
    p = dev.tcp()
    request = peer.mpa(REQ, C, 1, b'data')
    p.send(request[:7])
    p.sock.send(request[7:8], socket.MSG_OOB)
    p.send(request[8:])
    need(p.recv_startup()[0] == REP, 'no Reply')
    dev.joined(p)


@case('MPA-7.1.5-03', 'MPA-5.1-03')
def nodelay(dev):
    """A small message does not wait for the acknowledgement of another, which
    takes 40 ms at least if it can: some of them are faster."""
    p = dev.peer()
    times = []
    for i in range(0, 400, 2):
        p.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        begin = time.time()
        dev.post(p, 'send', i, 10)
        dev.post(p, 'send', i + 1, 10)
        p.recv_segment()
        p.recv_segment()
        times.append(time.time() - begin)
        if len(times) >= 20 and sorted(times)[10] < 0.02:
            return
    raise Wrong(f'it was delayed: {min(times) * 1e3:.0f} ms at least')
