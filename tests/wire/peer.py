# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""An iWARP peer on a plain TCP socket.

Written from RFC 5040, 5041, 5044 and 6581, and from nothing else: it shares no
code with what it tests. It builds and takes apart every octet itself, so it
can also say what no correct peer says.
"""

import socket
import struct
import time

M, C, R, S = 0x80, 0x40, 0x20, 0x10		# flags of startup frames
REQ, REP = b'MPA ID Req Frame', b'MPA ID Rep Frame'
WRITE, READ_REQ, READ_RESP, SEND, SEND_INV, SEND_SE, SEND_SE_INV, TERM = range(8)

MARK = 0x38		# the type of service of all that we send


def _table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


_CRC = _table()


def crc32c(data):
    """RFC 5044 section 4.4: the value; its low octet goes first."""
    crc = 0xffffffff
    for octet in data:
        crc = _CRC[(crc ^ octet) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


def mpa(key, flags=C, rev=1, pd=b'', pd_len=None):
    """A startup frame; pd_len may lie about the private data."""
    length = len(pd) if pd_len is None else pd_len
    return key + struct.pack('>BBH', flags, rev, length) + pd


def enhanced(ird=0, ord_=0, a=0, b=0, c=0, d=0):
    """RFC 6581's block in front of the private data."""
    return struct.pack('>HH', a << 15 | b << 14 | ird, c << 15 | d << 14 | ord_)


GAP = 512		# from marker to marker, RFC 5044 section 4.3


def marked(body, pos, crc=True, damage=0, marker=None):
    """An FPDU with markers in it; body: the length, ULPDU and pad; pos: where
    in the stream it begins; marker(offset in the FPDU): the 32 bits of each."""
    out, begin = bytearray(), None

    def add(data):
        nonlocal begin
        while data:
            if (pos + len(out)) % GAP == 0:
                where = 0 if begin is None else len(out) - begin
                out.extend(struct.pack('>I', marker(where) if marker else where))
            if begin is None:
                begin = len(out)
            n = GAP - (pos + len(out)) % GAP
            out.extend(data[:n])
            data = data[n:]

    add(body)
    if (pos + len(out)) % GAP == 0:
        where = len(out) - begin
        out.extend(struct.pack('>I', marker(where) if marker else where))
    out.extend(struct.pack('<I', (crc32c(out) if crc else 0) ^ damage))
    return bytes(out)


def unpadded(ulpdu, length=None):
    return struct.pack('>H', len(ulpdu) if length is None else length) + ulpdu


def fpdu(ulpdu, crc=True, length=None, damage=0):
    """An FPDU. damage: is XORed to the CRC; length: what its header says."""
    head = struct.pack('>H', len(ulpdu) if length is None else length) + ulpdu
    head += bytes(-len(head) % 4)
    value = (crc32c(head) if crc else 0) ^ damage
    return head + struct.pack('<I', value)


def tagged(op, stag, to, payload=b'', last=True, control=None, rdmap=None):
    """A tagged DDP segment."""
    first = 0x81 | (0x40 if last else 0) if control is None else control
    second = 0x40 | op if rdmap is None else rdmap
    return struct.pack('>BBIQ', first, second, stag, to) + payload


def untagged(op, msn, payload=b'', qn=0, mo=0, last=True, inval=0,
             control=None, rdmap=None):
    """An untagged DDP segment."""
    first = 0x01 | (0x40 if last else 0) if control is None else control
    second = 0x40 | op if rdmap is None else rdmap
    return struct.pack('>BBIIII', first, second, inval, qn, msn, mo) + payload


def read_request(msn, size, sink_stag, sink_to, src_stag, src_to, **how):
    """RFC 5040 section 4.4."""
    body = struct.pack('>IQIIQ', sink_stag, sink_to, size, src_stag, src_to)
    return untagged(READ_REQ, msn, body, qn=how.pop('qn', 1), **how)


class Segment:
    """A received FPDU, taken apart as far as its headers say."""

    def __init__(self, head, ulpdu, pad, crc):
        self.ulpdu = ulpdu
        self.head, self.pad, self.crc = head, pad, crc
        self.covered = None		# if it is not just that: markers
        self.tagged = bool(ulpdu[0] & 0x80)
        self.last = bool(ulpdu[0] & 0x40)
        self.dv, self.rv = ulpdu[0] & 3, ulpdu[1] >> 6
        self.op = ulpdu[1] & 0xf
        if self.tagged:
            self.stag, self.to = struct.unpack('>IQ', ulpdu[2:14])
            self.payload = ulpdu[14:]
        else:
            self.inval, self.qn, self.msn, self.mo = \
                struct.unpack('>IIII', ulpdu[2:18])
            self.payload = ulpdu[18:]

    @property
    def crc_good(self):
        return self.crc == crc32c(self.covered or
                                  self.head + self.ulpdu + self.pad)

    def terminate(self):
        """(layer, type, code, M, D, R, rest), RFC 5040 section 4.8"""
        word = struct.unpack('>I', self.payload[:4])[0]
        return (word >> 28, word >> 24 & 0xf, word >> 16 & 0xff,
                word >> 15 & 1, word >> 14 & 1, word >> 13 & 1,
                self.payload[4:])


class Closed(Exception):
    """The stream ended; reset says how."""

    def __init__(self, reset):
        super().__init__('reset' if reset else 'end of stream')
        self.reset = reset


def mark(sock):
    """So that a capture shows who said what."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, MARK)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, MARK)


class Peer:
    """One end of a connection."""

    def __init__(self, sock, timeout=5):
        self.sock = sock
        self.crc = True
        self.mark_tx = self.mark_rx = False
        self.tx_pos = self.rx_pos = 0	# in streams with markers
        self.markers = []		# that came: (offset, where, value)
        sock.settimeout(timeout)
        mark(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    def connect(cls, addr, port, timeout=5):
        return cls(socket.create_connection((addr, port), timeout), timeout)

    @classmethod
    def accept(cls, listener, timeout=5):
        listener.settimeout(timeout)
        return cls(listener.accept()[0], timeout)

    def send(self, data, cut=0):
        """All of it, at once or in segments of cut octets."""
        if not cut:
            self.sock.sendall(data)
            return
        for i in range(0, len(data), cut):
            self.sock.sendall(data[i:i + cut])
            time.sleep(0.002)

    def recv(self, n):
        data = b''
        while len(data) < n:
            try:
                more = self.sock.recv(n - len(data))
            except ConnectionResetError:
                raise Closed(True) from None
            if not more:
                raise Closed(False)
            data += more
        return data

    def recv_startup(self):
        """(key, flags, rev, private data)"""
        head = self.recv(20)
        flags, rev, length = struct.unpack('>BBH', head[16:])
        return head[:16], flags, rev, self.recv(length)

    def recv_segment(self):
        if self.mark_rx:
            return self._recv_marked()
        head = self.recv(2)
        length = struct.unpack('>H', head)[0]
        ulpdu = self.recv(length)
        pad = self.recv(-(2 + length) % 4)
        return Segment(head, ulpdu, pad,
                       struct.unpack('<I', self.recv(4))[0])

    def _recv_marked(self):
        seen, begin = bytearray(), None		# of this FPDU, with markers

        def take(n):
            nonlocal begin
            data = b''
            while len(data) < n:
                if self.rx_pos % GAP == 0:
                    value = self.recv(4)
                    where = 0 if begin is None else len(seen) - begin
                    self.markers.append((self.rx_pos, where,
                                         struct.unpack('>I', value)[0]))
                    seen.extend(value)
                    self.rx_pos += 4
                if begin is None:
                    begin = len(seen)
                part = self.recv(min(n - len(data), GAP - self.rx_pos % GAP))
                self.rx_pos += len(part)
                seen.extend(part)
                data += part
            return data

        head = take(2)
        length = struct.unpack('>H', head)[0]
        ulpdu = take(length)
        pad = take(-(2 + length) % 4)
        crc = take(4)
        segment = Segment(head, ulpdu, pad, struct.unpack('<I', crc)[0])
        segment.covered = bytes(seen[:-4])
        return segment

    def recv_end(self):
        """Read to the end: the Terminate that came before it, or None; reset?"""
        term = None
        try:
            while True:
                segment = self.recv_segment()
                if not segment.tagged and segment.op == TERM:
                    term = segment
        except Closed as end:
            return term, end.reset

    def initiate(self, pd=b'', rev=1, flags=C):
        """The initiator's half of the start; the responder's private data."""
        self.send(mpa(REQ, flags, rev, pd))
        key, got, _, data = self.recv_startup()
        if key != REP or got & R:
            raise ConnectionRefusedError(f'{key} flags {got:#x}')
        self.agree(flags, got)
        return data

    def agree(self, ours, theirs):
        """What the flags of both startup frames mean."""
        self.crc = bool((ours | theirs) & C)
        self.mark_tx, self.mark_rx = bool(theirs & M), bool(ours & M)

    def respond(self, pd=b'', flags=C):
        """The responder's half, revision as asked; the initiator's data."""
        key, got, rev, data = self.recv_startup()
        if key != REQ:
            raise ValueError(f'key {key}')
        if rev >= 2 and got & S:
            block, data = data[:4], data[4:]
            ird, ord_ = struct.unpack('>HH', block)
            pd = struct.pack('>HH', ird & 0x8000 | ord_ & 0x3fff,
                             (ord_ & 0x4000 or ord_ & 0x8000)
                             | ird & 0x3fff) + pd
            flags |= S
        self.agree(flags, got)
        self.send(mpa(REP, flags, rev, pd))
        return data

    def fpdu(self, ulpdu, length=None, **how):
        """The octets of the next FPDU of this stream."""
        how = {'crc': self.crc, **how}
        if not self.mark_tx:
            return fpdu(ulpdu, length=length, **how)
        body = unpadded(ulpdu, length)
        data = marked(body + bytes(-len(body) % 4), self.tx_pos, **how)
        self.tx_pos += len(data)
        return data

    def send_fpdu(self, ulpdu, cut=0, **how):
        self.send(self.fpdu(ulpdu, **how), cut)

    def shut(self):
        """FIN"""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """RST"""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack('ii', 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()
