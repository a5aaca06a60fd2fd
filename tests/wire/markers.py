# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Streams with markers, taken apart by RFC 5044 section 4.3 alone.

tshark loses its way where an FPDU with markers goes over several segments: it
then takes any octets for a CRC. So check-pcap asks here about connections in
which a peer wanted markers.
"""

import collections
import struct
import subprocess

from peer import C, M, MARK, REP, REQ, crc32c

GAP = 512
FIELDS = ('tcp.stream', 'tcp.srcport', 'tcp.seq_raw', 'ip.dsfield',
          'ipv6.tclass', 'tcp.payload')


def payloads(file):
    """{(stream, source port): octets}, without what comes twice or after a gap,
    and those that peer.py sent"""
    run = subprocess.run(
        ['tshark', '-n', '-r', file, '-Y', 'tcp.len > 0', '-T', 'fields'] +
        [word for field in FIELDS for word in ('-e', field)],
        capture_output=True, text=True, check=True)
    begin, data = {}, collections.defaultdict(bytearray)
    scripted = set()
    for line in run.stdout.splitlines():
        stream, port, seq, tos4, tos6, payload = line.split('\t')
        key = stream, port
        if int(tos4 or tos6 or '0', 0) == MARK:
            scripted.add(key)
        at = (int(seq) - begin.setdefault(key, int(seq))) & 0xffffffff
        if at == len(data[key]):
            data[key] += bytes.fromhex(payload)
    return data, scripted


class Walk:
    """Through the FPDUs of one direction, up to the first fault."""

    def __init__(self, octets, crc, marked):
        self.octets, self.crc, self.marked = octets, crc, marked
        self.at = self.begin = 0	# of the ULPDU_Length field
        self.seen = bytearray()		# of the FPDU, markers included
        self.fpdus = 0
        self.fault = None

    def marker_is_due(self):
        return self.marked and self.at % GAP == 0

    def marker(self):
        octets = self.octets[self.at:self.at + 4]
        pointer = struct.unpack('>HH', octets)[1]
        want = max(self.at - self.begin, 0)
        if pointer != want and not self.fault:
            self.fault = f'octet {self.at}: marker says {pointer}, not {want}'
        self.seen += octets
        self.at += 4

    def take(self, n):
        """The next octets but for markers; None at the end of the capture."""
        out = bytearray()
        while n:
            if self.marker_is_due():
                if len(self.octets) < self.at + 4:
                    return None
                self.marker()
            most = min(n, GAP - self.at % GAP) if self.marked else n
            part = self.octets[self.at:self.at + most]
            if not part:
                return None
            out += part
            self.seen += part
            self.at += len(part)
            n -= len(part)
        return out

    def fpdu(self):
        """Go over one; False where there is none."""
        self.begin = self.at + 4 * self.marker_is_due()
        self.seen = bytearray()
        head = self.take(2)
        if not head:
            return False
        length = struct.unpack('>H', head)[0]
        if self.take(length + -(2 + length) % 4) is None:
            return False
        crc = self.take(4)
        if crc is None:
            return False
        good = struct.pack('<I', crc32c(bytes(self.seen[:-4])))
        if self.crc and crc != good and not self.fault:
            self.fault = f'FPDU at octet {self.begin}: wrong CRC'
        self.fpdus += 1
        return not self.fault


def startup(octets):
    """(flags, length) of a startup frame, or None"""
    if bytes(octets[:16]) not in (REQ, REP) or len(octets) < 20:
        return None
    flags, _, length = struct.unpack('>BBH', octets[16:20])
    return flags, 20 + length


def examine(file):
    """(FPDUs, CRCs that were checked, faults) of these connections"""
    data, scripted = payloads(file)
    start = {key: startup(octets) for key, octets in data.items()}
    fpdus, crcs, faults = 0, 0, []
    for key, octets in data.items():
        others = [start[k] for k in data if k[0] == key[0] and k != key]
        if key in scripted or not start[key] or not any(others):
            continue
        (mine, begin), (others, _) = start[key], others[0]
        if not (mine | others) & M:
            continue
        walk = Walk(octets[begin:], (mine | others) & C, others & M)
        while walk.fpdu():
            pass
        fpdus += walk.fpdus
        crcs += walk.fpdus if walk.crc else 0
        if walk.fault:
            faults.append(f'stream {key[0]} from port {key[1]}: {walk.fault}')
    return fpdus, crcs, faults
