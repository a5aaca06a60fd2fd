# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""How many FPDUs of a captured connection start on a TCP segment boundary?

	alignment.py PCAP PORT

Looks at what was sent to PORT, in the last connection. Prints "fpdus N",
"aligned N". The capture must hold segments as they were on the wire (no
offload), from the first packet on; retransmissions do no harm.
"""

import struct
import sys


def packets(name):
    """The IPv4 packets of a pcap file with Ethernet headers."""
    with open(name, 'rb') as f:
        magic, = struct.unpack('<I', f.read(24)[:4])
        assert magic in (0xa1b2c3d4, 0xa1b23c4d), 'not a pcap file'
        while True:
            head = f.read(16)
            if len(head) < 16:
                return
            data = f.read(struct.unpack('<II', head[8:])[0])
            if data[12:14] == b'\x08\x00':
                yield data[14:]


def segments(name, port):
    """Per connection, seq -> payload; the last one begun."""
    last, begun = None, {}
    for ip in packets(name):
        tcp = ip[(ip[0] & 15) * 4:struct.unpack('>H', ip[2:4])[0]]
        src, dst, seq = struct.unpack('>HHI', tcp[:8])
        if ip[9] != 6 or dst != port:
            continue
        payload = tcp[(tcp[12] >> 4) * 4:]
        if tcp[13] & 2:
            last = begun[src] = (seq + 1, {})
        elif payload and src in begun:
            offset = (seq - begun[src][0]) & 0xffffffff
            begun[src][1][offset] = payload
    return last[1]


def stream(pieces):
    data = b''
    for offset in sorted(pieces):
        if offset > len(data):
            break		# the capture missed something
        data = data[:offset] + pieces[offset]
    return data


def main():
    pieces = segments(sys.argv[1], int(sys.argv[2]))
    data = stream(pieces)
    at = 20 + struct.unpack('>H', data[18:20])[0]
    total = aligned = 0
    while at + 2 <= len(data):
        total += 1
        aligned += at in pieces
        at += (2 + struct.unpack('>H', data[at:at + 2])[0] + 3) // 4 * 4 + 4
    print('fpdus', total)
    print('aligned', aligned)


main()
