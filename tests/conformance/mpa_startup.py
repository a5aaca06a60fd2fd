# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5044 section 7.1: startup frames, and who may send when."""

from suite import *

REQUEST = peer.mpa(REQ, C, 1)


def slowly(p, frame, pause):
    """Octet by octet; a machine that is late need not wait as well."""
    begin = time.time()
    for i, octet in enumerate(frame):
        time.sleep(max(0, begin + i * pause - time.time()))
        p.send(bytes([octet]))


def answered(dev, frame, cut=0, pause=0.0):
    """The Reply to a frame: (flags, revision, private data)."""
    p = dev.tcp()
    if pause:
        slowly(p, frame, pause)
    else:
        p.send(frame, cut)
    key, flags, rev, pd = p.recv_startup()
    need(key == REP, f'key {key}')
    dev.joined(p)
    p.close()
    return flags, rev, pd


def each_refused(dev, frames):
    for what, frame in frames:
        p = dev.tcp()
        p.send(frame)
        try:
            closes(p)
        except Wrong as why:
            raise Wrong(f'{what}: {why}') from None
    dev.none('REQUEST')


# the Request

@case('MPA-7.1-01', 'MPA-7.1.1-03', 'MPA-7.1.1-11', 'MPA-7.1.1-13',
      'MPA-4.3-15', 'EMPA-6-04', 'EMPA-10-02', 'MPA-7.1-03')
def reply(dev):
    flags, rev, _ = answered(dev, REQUEST)
    need(not flags & ~C and rev == 1, f'flags {flags:#x}, revision {rev}')


@case('MPA-7.1.1-02', 'MPA-7.1.2-03', 'MPA-7.1.2-14', 'MPA-8-04')
def request_key(dev):
    each_refused(dev, [(f'octet {i} of the key', REQUEST[:i] +
                        bytes([REQUEST[i] ^ 0x20]) + REQUEST[i + 1:])
                       for i in range(16)])


@case('MPA-7.1.1-02', 'MPA-7.1.2-03', 'MPA-8-04')
def request_of_another_protocol(dev):
    each_refused(dev, [
        ('HTTP', b'GET / HTTP/1.0\r\n\r\n'.ljust(40)),
        ('TLS', bytes.fromhex('160301020001 0001fc0303').ljust(600)),
        ('a Reply', peer.mpa(REP, C))])


@case('MPA-7.1.1-09')
def request_with_r(dev):
    answered(dev, peer.mpa(REQ, C | R, 1))


@case('MPA-7.1.1-12', 'EMPA-6-08')
def request_with_reserved_bits(dev):
    flags, rev, _ = answered(dev, peer.mpa(REQ, 0x5f, 1))
    need(not flags & S and rev == 1, f'flags {flags:#x}, revision {rev}')


@case('MPA-7.1.1-14', 'MPA-C-01')
def request_revision(dev):
    each_refused(dev, [(f'revision {rev}', peer.mpa(REQ, C, rev))
                       for rev in (0, 3, 4, 128, 255)])


@case('MPA-7.1.1-15')
def request_revision_is_answered(dev):
    for rev, block in ((1, b''), (2, peer.enhanced(1, 1))):
        _, got, _ = answered(dev, peer.mpa(REQ, C | (S if block else 0), rev,
                                           block))
        need(got == rev, f'{got} instead of {rev}')


@case('MPA-7.1.1-20', 'MPA-7.1.1-21', 'MPA-7.1.1-16')
def request_private_data(dev):
    """rdma_cm has 8 bits for its length."""
    for n in (0, 1, 3, 4, 5, 100, 255):
        pd = bytes(range(1, n + 1))
        answered(dev, peer.mpa(REQ, C, 1, pd))
        dev.expect(f'REQUEST 0 pd {n} conn {dev.conns - 1} .*data *{pd.hex()}$')


@case('MPA-7.1.1-21', 'MPA-7.1.2-20')
def request_private_data_beyond_the_interface(dev):
    """Legal, but rdma_cm has room for 255: rule 9 makes that malformed."""
    for n in (256, 300, 508, 511, 512):
        each_refused(dev, [
            (f'{n} octets', peer.mpa(REQ, C, 1, bytes(n))),
            (f'{n} octets', peer.mpa(REQ, C | S, 2, peer.enhanced(1, 1) +
                                     bytes(min(n, 508))))])


@case('MPA-7.1.1-20', 'EMPA-6-05', 'EMPA-6-06')
def request_private_data_behind_the_block(dev):
    for n in (0, 1, 4, 200, 251, 255):
        pd = bytes(range(1, n + 1))
        answered(dev, peer.mpa(REQ, C | S, 2, peer.enhanced(3, 2) + pd))
        dev.expect(f'REQUEST 0 pd {n} conn {dev.conns - 1} .*data *{pd.hex()}$')


@case('MPA-7.1.1-17', 'MPA-7.1.2-20', 'SEC-X-02')
def request_private_data_too_long(dev):
    """It does not wait for it."""
    each_refused(dev, [(f'PD_Length {n}', peer.mpa(REQ, C, 1, pd_len=n))
                       for n in (513, 600, 4096, 65535)])


@case('MPA-7.1.1-18')
def request_with_octets_behind_it(dev):
    each_refused(dev, [
        ('one too many', peer.mpa(REQ, C, 1, b'12345', pd_len=4)),
        ('an FPDU', REQUEST + peer.fpdu(peer.untagged(SEND, 1, b'early')))])


@case('MPA-7.1.1-19')
def request_truncated(dev):
    """By FIN, at every octet."""
    dev.listen()
    whole = peer.mpa(REQ, C, 1, b'ten octets')
    for n in range(1, len(whole)):
        p = dev.tcp()
        p.send(whole[:n])
        p.shut()
        closes(p, rst=False)
    dev.none('REQUEST')


@case('MPA-8-01')
def request_reset(dev):
    whole = peer.mpa(REQ, C, 1, b'ten octets')
    for n in range(0, len(whole), 3):
        p = dev.tcp()
        p.send(whole[:n])
        p.reset()
    dev.serves()


@case('MPA-7.1.1-22')
def request_cut_in_two(dev):
    for whole in (peer.mpa(REQ, C, 1, b'data'),
                  peer.mpa(REQ, C | S, 2, peer.enhanced(2, 2) + b'data')):
        for n in range(1, len(whole)):
            p = dev.tcp()
            p.send(whole[:n])
            time.sleep(0.003)
            p.send(whole[n:])
            need(p.recv_startup()[0] == REP, f'cut at {n}')
            dev.joined(p)
            p.close()


@case('MPA-7.1.1-22')
def request_octet_by_octet(dev):
    answered(dev, peer.mpa(REQ, C, 1, b'x' * 200), cut=1)


@case('MPA-7.1.1-22', 'MPA-7.1.2-21', long=True)
def request_octet_every_200_ms(dev):
    answered(dev, peer.mpa(REQ, C, 1, b'data'), pause=0.2)


# what a responder does with it

@case('MPA-7.1.2-02', long=True)
def responder_is_silent(dev):
    quiet(dev.tcp(), 2)


@case('MPA-7.1.1-10', 'MPA-7.1.2-04', 'MPA-7.1.2-16')
def responder_rejects(dev):
    dev.listen(answer=1)
    dev.do('private', b'no'.hex())
    p = dev.tcp()
    p.send(REQUEST)
    key, flags, rev, pd = p.recv_startup()
    need((key, flags & R, rev, pd) == (REP, R, 1, b'no'),
         f'{key} {flags:#x} {rev} {pd}')
    need(not closes(p, rst=False), 'RST: a Reply may get lost by that')


@case('MPA-7.1-01', 'MPA-7.1.2-05')
def responder_is_ready_with_its_reply(dev):
    """Messages in the segment that follows it, many times."""
    dev.listen()
    for _ in range(20):
        p = dev.peer(gate=False)
        p.send(p.fpdu(peer.untagged(SEND, 1, b'a' * 10)) +
               p.fpdu(peer.untagged(SEND, 2, b'b' * 20)))
        dev.received(p, 0, 10)
        dev.received(p, 1, 20)


@case('MPA-7.1.2-10', long=True)
def gate_is_closed(dev):
    p = dev.peer(gate=False)
    for i in range(3):
        dev.post(p, 'send', i, 10 + i)
    quiet(p, 2)
    p.send_fpdu(peer.untagged(SEND, 1, b'x'))
    for i in range(3):
        need(len(p.recv_segment().payload) == 10 + i, 'not what was queued')


@case('MPA-7.1.2-11', 'EMPA-9.2-16')
def gate_is_opened_by_any_fpdu(dev):
    for what, segment in (
            ('empty Write', peer.tagged(WRITE, 1, 0)),
            ('empty Send', peer.untagged(SEND, 1)),
            ('Send', peer.untagged(SEND, 1, b'x')),
            ('part of a Send', peer.untagged(SEND, 1, b'x', last=False)),
            ('Read Request', peer.read_request(1, 0, 1, 0, 1, 0))):
        p = dev.peer(gate=False)
        dev.post(p, 'send', 1, 33)
        quiet(p, 0.05)
        p.send_fpdu(segment)
        ops = [p.recv_segment() for _ in range(1 + (what == 'Read Request'))]
        need(33 in [len(s.payload) for s in ops], f'not by an {what}')


@case('MPA-7.1.2-12')
def gate_is_not_opened_by_a_bad_crc(dev):
    p = dev.peer(gate=False)
    dev.post(p, 'send', 9, 33)
    p.send_fpdu(peer.untagged(SEND, 1, b'x'), damage=1)
    closes(p)
    dev.down(p, receives=4)
    dev.expect(f'{p.n} sent 9 .*Flushed')


@case('MPA-7.1.2-13')
def gate_is_opened_by_a_wrong_segment(dev):
    p = dev.peer(gate=False)
    u = peer.tagged(WRITE, p.stag ^ 0x10000, p.to, b'x')
    p.send_fpdu(u)
    terminates(p, '1/1/00', u)


@case('MPA-7.1.2-19', idle=True)
def responder_has_patience_for_30_s(dev):
    p = dev.tcp()
    begin = time.time()
    closes(p, rst=False, timeout=40)
    need(time.time() - begin > 10, 'it has none')


@case('MPA-7.1.2-21', idle=True)
def responder_has_a_deadline(dev):
    """It is for the whole Request, not for each octet."""
    p = dev.tcp()
    for octet in peer.mpa(REQ, C, 1, b'x' * 40):
        p.sock.settimeout(1)
        try:
            p.send(bytes([octet]))
            need(not p.recv(1), 'an answer')
        except TimeoutError:
            continue
        except (Closed, OSError):
            return
    raise Wrong('a minute was not enough')


@case('MPA-7.1.2-23', idle=True)
def program_may_take_its_time(dev):
    dev.listen(answer=2)
    p = dev.tcp()
    p.send(REQUEST)
    dev.joined(p)
    quiet(p, 33)
    dev.do('accept', p.n)
    need(p.recv_startup()[0] == REP, 'no Reply')


# an initiator's Request

@case('MPA-7.1-01', 'MPA-7.1.1-01', 'MPA-7.1.1-08', 'MPA-7.1.1-11',
      'MPA-7.1.2-01', 'MPA-4.3-15')
def initiator_request(dev):
    key, flags, _, _ = dev.call().recv_startup()
    need(key == REQ and not flags & (M | R | 0xf), f'{key} {flags:#x}')


@case('MPA-7.1.1-13', 'EMPA-6-03', 'EMPA-10-05', rev=1)
def initiator_request_plain(dev):
    _, flags, rev, _ = dev.call().recv_startup()
    need(not flags & 0x1f and rev == 1, f'flags {flags:#x}, revision {rev}')


@case('MPA-7.1.1-16', 'EMPA-6-05', 'EMPA-6-06', 'MPA-7.1.1-21')
def initiator_private_data(dev):
    for n in (0, 1, 4, 100, 255):
        pd = bytes(range(n))
        dev.do('private', pd.hex())
        _, _, rev, data = dev.call().recv_startup()
        need(rev == 2 and data[4:] == pd, f'{n} octets: {data.hex()}')


@case('MPA-7.1.1-16', rev=1)
def initiator_private_data_plain(dev):
    for n in (0, 1, 4, 255):
        pd = bytes(range(n))
        dev.do('private', pd.hex())
        need(dev.call().recv_startup()[3] == pd, f'{n} octets')


@case('MPA-7.1.1-23')
def initiator_request_in_one_segment(dev):
    dev.do('private', bytes(200).hex())
    p = dev.call()
    p.recv_startup()
    info = p.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    segments = struct.unpack_from('I', info, 152)[0]
    need(segments == 1, f'{segments} segments')


@case('MPA-7.1.2-06', long=True)
def initiator_waits_for_the_reply(dev):
    p = dev.call()
    p.recv_startup()
    quiet(p, 2)


# what an initiator does with the Reply

def each_reply_fails(dev, replies):
    for what, make in replies:
        p = dev.call()
        p.request = p.recv_startup()
        p.listener.close()
        try:
            p.send(make(p))
            closes(p)
            dev.expect(f'event .*conn {p.n} ')
            dev.none(f'ESTABLISHED.*conn {p.n} ')
        except Wrong as why:
            raise Wrong(f'{what}: {why}') from None


@case('MPA-7.1.1-04', 'MPA-7.1.2-07', 'MPA-7.1.2-14', 'MPA-8-04')
def reply_key(dev):
    def altered(i):
        def make(p):
            r = bytearray(reply_to(p))
            r[i] ^= 0x20
            return bytes(r)
        return make
    each_reply_fails(dev, [(f'octet {i} of the key', altered(i))
                           for i in range(16)])


@case('MPA-7.1.2-07', 'MPA-8-04')
def reply_of_another_protocol(dev):
    each_reply_fails(dev, [
        ('SSH', lambda p: b'SSH-2.0-OpenSSH\r\n'.ljust(30)),
        ('long', lambda p: b'220 ' + b'x' * 1000)])


@case('MPA-7.1.2-18')
def reply_is_a_request(dev):
    each_reply_fails(dev, [('Request', lambda p: peer.mpa(REQ, C, 2))])


@case('MPA-7.1.1-14')
def reply_revision(dev):
    each_reply_fails(dev, [
        (f'revision {rev}',
         lambda p, rev=rev: peer.mpa(REP, C | S, rev, peer.enhanced(a=1, d=1)))
        for rev in (0, 3, 255)])


@case('MPA-7.1.1-14', rev=1)
def reply_revision_higher_than_asked(dev):
    each_reply_fails(dev, [
        ('revision 2', lambda p: peer.mpa(REP, C | S, 2,
                                          peer.enhanced(a=1, d=1)))])


@case('MPA-7.1.1-17', 'SEC-X-02')
def reply_private_data_too_long(dev):
    each_reply_fails(dev, [
        (f'PD_Length {n}', lambda p, n=n: peer.mpa(REP, C, 2, pd_len=n))
        for n in (513, 65535)])


@case('MPA-7.1.1-19')
def reply_truncated(dev):
    for n in (1, 19, 20, 22, 26):
        p = dev.call()
        p.request = p.recv_startup()
        p.listener.close()
        p.send(reply_to(p, pd=b'data')[:n])
        p.shut()
        closes(p, rst=False)
        dev.expect(f'event .*conn {p.n} ')
        dev.none('ESTABLISHED')


@case('MPA-7.1.1-20', 'MPA-7.1.2-09')
def reply_private_data(dev):
    for n in (0, 1, 4, 200, 255):
        pd = bytes(range(1, n + 1))
        p = dev.called(pd=pd)
        dev.expect(f'ESTABLISHED 0 pd {n} conn {p.n} .*data *{pd.hex()}$')
        dev.post(p, 'send', 1, 9)
        need(len(served(p).payload) == 9, 'not the message')


@case('MPA-7.1.1-21', 'MPA-7.1.2-20')
def reply_private_data_beyond_the_interface(dev):
    each_reply_fails(dev, [(f'{n} octets', lambda p, n=n: reply_to(p, pd=bytes(n)))
                           for n in (256, 508)])


@case('MPA-7.1.2-09', 'EMPA-10-05', rev=1)
def reply_plain(dev):
    p = dev.called(pd=b'data')
    dev.expect('ESTABLISHED 0 pd 4')
    dev.post(p, 'send', 1, 9)
    need(len(served(p).payload) == 9, 'not the message')


@case('MPA-7.1.1-22')
def reply_cut_in_two(dev):
    for n in range(1, 28):
        p = dev.call()
        p.request = p.recv_startup()
        whole = reply_to(p, pd=b'data')
        p.send(whole[:n])
        time.sleep(0.003)
        p.send(whole[n:])
        dev.expect(f'ESTABLISHED 0 pd 4 conn {p.n} ')


@case('MPA-7.1.1-22', long=True)
def reply_octet_every_200_ms(dev):
    p = dev.call()
    p.request = p.recv_startup()
    slowly(p, reply_to(p, pd=b'data'), 0.2)
    dev.expect('ESTABLISHED 0 pd 4')


@case('MPA-7.1.1-18')
def reply_with_octets_behind_it(dev):
    """DIVERGES: they are FPDUs, although early ones."""
    p = dev.call()
    p.request = p.recv_startup()
    p.send(reply_to(p) + peer.fpdu(peer.untagged(SEND, 1, b'early')))
    dev.received(p, 0, 5)


@case('MPA-7.1.2-08', 'MPA-7.1.1-10')
def reply_rejects(dev):
    p = dev.call()
    p.request = p.recv_startup()
    p.send(reply_to(p, C | R, b'no'))
    dev.expect('REJECTED .*pd 2 .*data 6e6f$')
    need(not closes(p, rst=False), 'RST')


@case('MPA-7.1.2-15', p2p=0)
def program_closes_after_the_reply(dev):
    p = dev.called(pd=b'not what it wanted')
    dev.do('disconnect', p.n)
    segments, reset = everything(p)
    need(not segments and not reset, 'not just an end')
