# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5042: attacks, and what they must not do to anybody else."""

import statistics
import threading

from suite import *

BEARABLE = 0.3			# seconds, once in a while, on a busy machine


class Victim:
    """A connection of somebody else, who reads and writes all the time."""

    def __init__(self, dev):
        self.p = dev.peer(rev=2, block=peer.enhanced(4, 4))
        self.msn = 0

    def rounds(self, seconds):
        """How long each of its Reads takes."""
        times, end = [], time.time() + seconds
        while time.time() < end:
            begin = time.time()
            self.msn += 1
            self.p.send_fpdu(peer.read_request(self.msn, 64, 1, 0, self.p.stag,
                                               self.p.to))
            need(self.p.recv_segment().payload == pattern(64), 'other octets')
            times.append(time.time() - begin)
        return times


def measured(victim, attack, seconds):
    """Rounds of the victim while attack(stop) is made."""
    stop, errors = threading.Event(), []

    def run():
        try:
            attack(stop)
        except Exception as error:	# given to who waits for it
            errors.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        times = victim.rounds(seconds)
    finally:
        stop.set()
        thread.join()
    need(not errors, f'the attack: {errors}')
    return times


def honest(dev):
    """What somebody does who has much to write, and may."""
    p = dev.peer()
    f = peer.fpdu(peer.tagged(WRITE, p.stag, p.to, bytes(60000)))

    def work(stop):
        while not stop.is_set():
            p.send(f)
    return work


def undisturbed(dev, attack, seconds=1.5):
    """An attack is made while somebody else works, who is to notice no more
    than that there is another program: as if that had an honest purpose. A
    machine that has other things to do stops for a while now and then, so there
    are three attempts."""
    victim = Victim(dev)
    for _ in range(3):
        before = measured(victim, honest(dev), 0.7)
        usual = statistics.median(before)
        times = measured(victim, attack, seconds)
        now = statistics.median(times)
        if now < 10 * usual + 0.02 * SLOW and \
                max(times) < 3 * max(before) + BEARABLE * SLOW:
            return
    raise Wrong(f'{usual * 1e3:.2f} ms a round became {now * 1e3:.2f}, '
                f'{max(times) * 1e3:.0f} at most')


def quick_peer(dev):
    """A connection, of which the program's view is of no interest."""
    p = Peer.connect(dev.addr, dev.port, 5 * SLOW)
    p.stag, p.len, p.to = struct.unpack('>IIQ', p.initiate()[-16:])
    return p


def storm(dev, segment, want):
    """Connections one after the other, each with such an end."""
    dev.listen(recvs=1)

    def attack(stop):
        n = 0
        while not stop.is_set() and n < 500:
            p = quick_peer(dev)
            p.send_fpdu(peer.tagged(WRITE, 1, 0))
            p.send_fpdu(segment(p, n))
            segments, _ = everything(p)
            need([s.op for s in segments] == want, 'another end')
            p.close()
            n += 1
        need(n > 5, f'{n} attacks')
    undisturbed(dev, attack)


@case('SEC-6.1.1-04', 'SEC-6.1.1-02', alone=True)
def guessing_stags(dev):
    storm(dev, lambda p, n: peer.tagged(WRITE, (p.stag + 0x100 * (n + 1)) &
                                        0xffffffff, p.to, b'x'), [TERM])


@case('SEC-6.1.1-04', alone=True)
def guessing_stags_to_read(dev):
    storm(dev, lambda p, n: peer.read_request(1, 8, 1, 0, (p.stag + n + 1) &
                                              0xffffffff, p.to), [TERM])


@case('RDMAP-4.8-12', 'RDMAP-5.4-09', alone=True)
def terminate_storm(dev):
    storm(dev, lambda p, n: peer.untagged(TERM, 1, bytes.fromhex('20020000'),
                                          qn=2), [])


@case('RDMAP-8.1.1-08', 'SEC-6.1.1-04', 'SEC-6.1.1-01')
def stags_are_hard_to_guess(dev):
    """None twice, none 0, no steps, and all over the place."""
    p = dev.peer()
    stags = []
    for _ in range(600):
        stags.append(dev.mr(0, p.n, 64)[0])
        dev.do('dereg', 0)
    need(0 not in stags and len(set(stags)) == len(stags), 'twice, or 0')
    steps = [(b >> 8) - (a >> 8) for a, b in zip(stags, stags[1:])]
    need(len(set(steps)) > 550, f'{len(set(steps))} different steps')
    for shift in (28, 24, 16, 12, 8):
        nibbles = [stag >> shift & 0xf for stag in stags]
        counts = [nibbles.count(i) for i in range(16)]
        # 37.5 each; chi-square with 15 degrees of freedom, one in 10^6
        chi = sum((c - 37.5) ** 2 / 37.5 for c in counts)
        need(chi < 56, f'bits {shift}: {counts}')


@case('SEC-6.4.6-01', 'RDMAP-8.1.1-10')
def completion_queue_overflows(dev):
    """Of one connection, whose program does not look; that of another goes on."""
    victim = Victim(dev)
    dev.listen(cq=4, recvs=16, deaf=1)
    p = dev.peer()
    try:
        for msn in range(1, 17):
            p.send_fpdu(peer.untagged(SEND, msn, b'x'))
    except OSError:
        pass
    dev.expect('^async CQ')
    victim.rounds(0.3)
    victim.p.send_fpdu(peer.untagged(SEND, 1, b'hello'))
    dev.received(victim.p, 0, 5)
    dev.listen(cq=200, deaf=-1)


def half_open(dev, say):
    """Connections that do not go on: those that are there do not notice, and a
    newcomer has its turn, long before the others run out of time (30 s)."""
    held = []

    def attack(stop):
        for i in range(200):
            try:
                p = Peer.connect(dev.addr, dev.port, 0.1)
                p.send(say(i))
                held.append(p)
            except OSError:
                pass
        stop.wait()
    dev.listen()
    undisturbed(dev, attack)
    dev.patience = 20 * SLOW
    q = dev.peer()
    q.send_fpdu(peer.read_request(1, 8, 1, 0, q.stag, q.to))
    need(q.recv_segment().payload == pattern(8), 'other octets')


@case('SEC-X-02', 'MPA-7.1.2-21', alone=True)
def half_open_without_a_word(dev):
    half_open(dev, lambda i: b'')


@case('SEC-X-02', 'MPA-7.1.2-21', alone=True)
def half_open_in_the_request(dev):
    request = peer.mpa(REQ, C, 1, b'x' * 100, pd_len=512)
    half_open(dev, lambda i: request[:i % 120 + 1])


@case('SEC-X-02', alone=True)
def connected_and_silent(dev):
    """They do not open the gate, ever."""
    dev.listen(recvs=1)
    held = [quick_peer(dev) for _ in range(100)]
    dev.conns += 100
    undisturbed(dev, lambda stop: stop.wait())
    need(len(held) == 100, '')


@case('SEC-6.4.3.3-01', 'SEC-6.4.3.3-02', 'SEC-X-02', alone=True)
def reads_without_end(dev):
    """Far beyond IRD, of the most that can be asked for."""
    def segment(p, _):
        return peer.read_request(1, 60000, 1, 0, p.stag, p.to)

    def attack(stop):
        while not stop.is_set():
            p = quick_peer(dev)
            try:
                for _ in range(10):
                    p.send(b''.join(peer.fpdu(peer.read_request(
                        i, 60000, 1, 0, p.stag, p.to)) for i in range(1, 200)))
            except OSError:
                pass
            p.reset()
    dev.listen(recvs=1)
    undisturbed(dev, attack)


def flood(dev, octets):
    """The same octets, again and again, on one connection."""
    p = dev.peer()
    all_ = octets(p)		# not to keep Python busy, which measures, too

    def attack(stop):
        p.sock.settimeout(1)
        while not stop.is_set():
            try:
                p.send(all_)
            except TimeoutError:
                return
    undisturbed(dev, attack)
    need(not dev.seen(f'^{p.n} recv '), 'something completes')


@case('SEC-6.4.4-01', 'DDP-5.4-02', alone=True)
def writes_without_an_end(dev):
    flood(dev, lambda p: peer.fpdu(peer.tagged(WRITE, p.stag, p.to + 1024,
                                               b'x' * 64, last=False)) * 50)


@case('SEC-6.4.4-01', 'DDP-5.4-02', alone=True)
def sends_without_an_end(dev):
    """The same octets of a message, which never is complete."""
    flood(dev, lambda p: peer.fpdu(peer.untagged(SEND, 1, b'x' * 64,
                                                 last=False)) * 50)


@case('SEC-6.4.4-01', alone=True)
def writes_of_nothing(dev):
    flood(dev, lambda p: peer.fpdu(peer.tagged(WRITE, 1, 0)) * 200)


@case('SEC-6.4.4-01', alone=True)
def octets_one_by_one(dev):
    def attack(stop):
        f = peer.fpdu(peer.tagged(WRITE, p.stag, p.to + 1024, b'x' * 200))
        while not stop.is_set():
            for octet in f:
                p.send(bytes([octet]))
    p = dev.peer()
    undisturbed(dev, attack)


@case('SEC-6.4.3.3-01', 'SEC-X-02', alone=True)
def slow_readers(dev):
    """They ask for much, and never take it."""
    dev.listen(recvs=1)
    held = []
    for _ in range(20):
        p = quick_peer(dev)
        for i in range(1, 4):
            p.send_fpdu(peer.read_request(i, 60000, 1, 0, p.stag, p.to))
        held.append(p)
    dev.conns += 20
    undisturbed(dev, lambda stop: stop.wait())
    need(len(held) == 20, '')


@case('SEC-6.4.4-01', alone=True)
def slow_writers(dev):
    """Half an FPDU of the largest size each, with a CRC to wait for."""
    dev.listen(recvs=1)
    f = peer.fpdu(peer.tagged(WRITE, 5, 0, bytes(65000)))
    held = [quick_peer(dev) for _ in range(20)]
    dev.conns += 20
    for p in held:
        p.send(f[:40000])
    undisturbed(dev, lambda stop: stop.wait())


@case('SEC-X-02', 'EMPA-12-01', alone=True)
def memory_is_bounded(dev):
    """Requests that ask for the most: what they cost, while they last."""
    def used():
        with open(f'/proc/{dev.process.pid}/status', encoding='ascii') as f:
            return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))
    dev.listen(answer=2)
    dev.tcp().close()
    before, held = used(), []
    request = peer.mpa(REQ, C | S, 2, peer.enhanced(0x3ffe, 0x3ffe) + bytes(200))
    for _ in range(100):
        p = dev.tcp()
        p.send(request)
        held.append(p)
        dev.joined(p)
    need(used() - before < 100 * 64, f'{used() - before} KiB for 100')
