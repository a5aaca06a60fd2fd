# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""RFC 5042: attacks, and what they must not do to anybody else."""

import threading
from random import Random

from suite import *

BEARABLE = 0.02			# seconds


class Victim:
    """A connection of somebody else, who reads and writes all the time."""

    def __init__(self, dev):
        self.p = dev.peer(rev=2, block=peer.enhanced(4, 4))
        self.msn = 0

    def rounds(self, seconds, enough=None):
        """How long each of its Reads takes; they go on until it is enough."""
        times, end = [], time.time() + seconds
        last = end + PATIENCE
        while time.time() < end or enough and not enough.is_set():
            begin = time.time()
            need(begin < last, 'the attack does not get on')
            self.msn += 1
            self.p.send_fpdu(peer.read_request(self.msn, 64, 1, 0, self.p.stag,
                                               self.p.to))
            need(self.p.recv_segment().payload == pattern(64), 'other octets')
            times.append(time.time() - begin)
        return times


class Attack(threading.Thread):
    """attack(self) runs until self.stop, and has run once self.enough is set."""

    def __init__(self, attack):
        super().__init__()
        self.attack, self.errors = attack, []
        self.stop, self.enough = threading.Event(), threading.Event()

    def run(self):
        try:
            self.attack(self)
        except Exception as error:	# given to who waits for it
            self.errors.append(error)
        self.enough.set()


def measured(victim, attack, seconds):
    """Rounds of the victim while the attack is made."""
    thread = Attack(attack)
    thread.start()
    try:
        times = victim.rounds(seconds, thread.enough)
    finally:
        thread.stop.set()
        thread.join()
    need(not thread.errors, f'the attack: {thread.errors}')
    return times


def honest(dev):
    """What somebody does who has much to write, and may."""
    p = dev.peer()
    f = peer.fpdu(peer.tagged(WRITE, p.stag, p.to, bytes(60000)))

    def work(attack):
        attack.enough.set()
        while not attack.stop.is_set():
            p.send(f)
    return work


def delay(times):
    """How long a round takes that is under way at any moment: many short ones
    do not outweigh those that have to wait."""
    return sum(t * t for t in times) / sum(times)


def undisturbed(dev, attack, seconds=0.8):
    """An attack is made while somebody else works, who is to notice no more
    than that there is another program: as if that had an honest purpose. A
    machine that has other things to do stops for a while now and then, which is
    nothing that happens every time: what counts is the best of some attempts."""
    victim = Victim(dev)
    worse = []
    for _ in range(6):
        usual = delay(measured(victim, honest(dev), 0.4))
        now = delay(measured(victim, attack, seconds))
        worse.append(now / (5 * usual + BEARABLE * SLOW))
        if worse[-1] < 1:
            return
    raise Wrong(f'a round takes {min(worse):.1f} times as long as it may')


def quick_peer(dev):
    """A connection, of which the program's view is of no interest."""
    p = Peer.connect(dev.addr, dev.port, PATIENCE)
    p.stag, p.len, p.to = struct.unpack('>IIQ', p.initiate()[-16:])
    return p


def storm(dev, segment, want, damage=0):
    """Connections one after the other, each with such an end: Terminate, if it
    is wanted, and FIN."""
    dev.listen(recvs=1, reap=1)

    def attack(self):
        n = 0
        while not self.stop.is_set():
            p = quick_peer(dev)
            p.send_fpdu(peer.tagged(WRITE, 1, 0))
            u = segment(p, n)
            p.send_fpdu(u, damage=damage)
            if want:
                terminates(p, want, u)
            else:
                need(not everything(p)[0], 'an answer')
            p.close()
            n += 1
            if n > 5:
                self.enough.set()
    undisturbed(dev, attack)


@case('SEC-6.1.1-04', 'SEC-6.1.1-02', alone=True)
def guessing_stags(dev):
    storm(dev, lambda p, n: peer.tagged(
        WRITE, (p.stag + 0x100 * (n + 1)) & 0xffffffff, p.to, b'x'), '1/1/00')


@case('SEC-6.1.1-04', alone=True)
def guessing_stags_to_read(dev):
    storm(dev, lambda p, n: peer.read_request(
        1, 8, 1, 0, (p.stag ^ 0x100 * (n + 1)) & 0xffffffff, p.to), '0/1/00')


@case('SEC-6.2.2-01', 'SEC-6.2.2-02', alone=True)
def using_what_is_no_longer_there(dev):
    """Memory that was the peer's until it was deregistered."""
    p = dev.peer()
    gone, to = dev.mr(0, p.n, 64)
    dev.do('dereg', 0)
    storm(dev, lambda p, n: peer.tagged(WRITE, gone, to, b'\xee'), '1/1/00')
    need(dev.mem(0, 0, 64) == pattern(64), 'it was placed')


@case('SEC-6.1.1-01', 'SEC-6.1.1-02', alone=True)
def using_what_is_of_another_pd(dev):
    """That of no connection, and that of the victim."""
    other = dev.peer()
    stag, to = dev.mr(0, -1, 64)
    for at in ((stag, to), (other.stag, other.to)):
        storm(dev, lambda p, n, at=at: peer.tagged(WRITE, *at, b'\xee'),
              '1/1/02')
    need(dev.mem(0, 0, 64) == pattern(64) and
         dev.mem(own(other), 0, 64) == pattern(64), 'it was placed')


@case('SEC-6.4.5-02', 'RDMAP-8.1.1-07', alone=True)
def invalidating_what_is_not_theirs(dev):
    other = dev.peer()
    storm(dev, lambda p, n: peer.untagged(SEND_INV, 1, inval=other.stag),
          '0/1/09')
    other.send_fpdu(peer.read_request(1, 4, 1, 0, other.stag, other.to))
    need(other.recv_segment().payload == pattern(4), 'the STag is gone')


@case('SEC-X-02', 'MPA-8-02', alone=True)
def bad_crcs(dev):
    storm(dev, lambda p, n: peer.tagged(WRITE, p.stag, p.to, b'x' * 9000),
          '2/0/02', damage=1)


@case('RDMAP-4.8-12', 'RDMAP-5.4-09', alone=True)
def terminate_storm(dev):
    storm(dev, lambda p, n: peer.untagged(TERM, 1, bytes.fromhex('20020000'),
                                          qn=2), None)


@case('SEC-6.4.3.3-02', 'RDMAP-5.2.2-06', alone=True)
def responses_longer_than_asked(dev):
    """Our side reads, again and again, and gets more than it asked for: of the
    largest FPDU, with more to come."""
    dev.listen(recvs=1)

    def attack(self):
        while not self.stop.is_set():
            p = dev.peer()
            dev.post(p, 'read', 1, 8, stag=5)
            s = p.recv_segment()
            sink, to = struct.unpack('>IQ', s.payload[:12])
            u = peer.tagged(READ_RESP, sink, to, b'\xee' * 60000, last=False)
            p.send(p.fpdu(u) * 3)
            terminates(p, '1/1/01', u)
            need(dev.mem(own(p), 0, 64) == pattern(64), 'it was placed')
            p.close()
            self.enough.set()
    undisturbed(dev, attack)


@case('SEC-X-02', 'MPA-8-04', alone=True)
def startup_garbage(dev):
    """Connections that begin with anything, and end in any way."""
    random = Random(4)
    good = peer.mpa(REQ, C | S, 2, peer.enhanced(4, 4) + b'data')

    def attack(self):
        n = 0
        while not self.stop.is_set():
            p = Peer.connect(dev.addr, dev.port, PATIENCE)
            octets = bytearray(good[:random.randrange(len(good))] +
                               random.randbytes(random.randrange(1, 600)))
            octets[random.randrange(min(16, len(octets)))] ^= 1 << n % 8
            try:
                p.send(octets)
                if n & 1:
                    closes(p, rst=False)
            except OSError:
                pass
            p.reset()
            n += 1
            if n > 5:
                self.enough.set()
    dev.listen()
    undisturbed(dev, attack)


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


@case('SEC-6.4.3.2-02', 'SEC-6.4.6-01', 'RDMAP-8.1.1-10')
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

    def attack(self):
        for i in range(200 if not held else 0):
            try:
                p = Peer.connect(dev.addr, dev.port, 0.1)
                p.send(say(i))
                held.append(p)
            except OSError:
                pass
        self.enough.set()
        self.stop.wait()
    dev.listen()
    undisturbed(dev, attack)
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


def silence(attack):
    """All was said before."""
    attack.enough.set()
    attack.stop.wait()


@case('SEC-X-02', alone=True)
def connected_and_silent(dev):
    """They do not open the gate, ever."""
    dev.listen(recvs=1)
    held = [quick_peer(dev) for _ in range(100)]
    dev.conns += 100
    undisturbed(dev, silence)
    need(len(held) == 100, '')


@case('SEC-6.4.3.3-01', 'SEC-6.4.3.3-02', 'SEC-X-02', alone=True)
def reads_without_end(dev):
    """Far beyond IRD, of the most that can be asked for."""
    def segment(p, _):
        return peer.read_request(1, 60000, 1, 0, p.stag, p.to)

    def attack(self):
        while not self.stop.is_set():
            p = quick_peer(dev)
            try:
                for _ in range(10):
                    p.send(b''.join(peer.fpdu(peer.read_request(
                        i, 60000, 1, 0, p.stag, p.to)) for i in range(1, 200)))
            except OSError:
                pass
            p.reset()
            self.enough.set()
    dev.listen(recvs=1, reap=1)
    undisturbed(dev, attack)


def flood(dev, octets):
    """The same octets, again and again, on one connection."""
    p = dev.peer()
    all_ = octets(p)		# not to keep Python busy, which measures, too

    def attack(self):
        while not self.stop.is_set():
            p.send(all_)
            self.enough.set()
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
    def attack(self):
        f = peer.fpdu(peer.tagged(WRITE, p.stag, p.to + 1024, b'x' * 200))
        while not self.stop.is_set():
            for octet in f:
                p.send(bytes([octet]))
            self.enough.set()
    p = dev.peer()
    undisturbed(dev, attack)


@case('RDMAP-5.5-01', 'SEC-6.4.3.3-01', 'SEC-X-02', alone=True)
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
    undisturbed(dev, silence)
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
    undisturbed(dev, silence)


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
