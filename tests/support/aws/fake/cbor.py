"""CBOR as far as Smithy's rpc-v2-cbor needs it: CloudWatch speaks it in current SDKs."""

from __future__ import annotations

import struct
from datetime import datetime, timezone

BREAK = object()


def dumps(value):
    out = bytearray()
    write(out, value)
    return bytes(out)


def write(out, value):
    if value is None:
        out.append(0xF6)
    elif value is True or value is False:
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        write_head(out, 0, value) if value >= 0 else write_head(out, 1, -1 - value)
    elif isinstance(value, float):
        out.append(0xFB)
        out += struct.pack(">d", value)
    elif isinstance(value, datetime):
        out.append(0xC1)
        write(out, value.replace(tzinfo=value.tzinfo or timezone.utc).timestamp())
    elif isinstance(value, bytes):
        write_head(out, 2, len(value))
        out += value
    elif isinstance(value, str):
        text = value.encode()
        write_head(out, 3, len(text))
        out += text
    elif isinstance(value, dict):
        write_head(out, 5, len(value))
        for key, item in value.items():
            write(out, str(key))
            write(out, item)
    else:
        items = list(value)
        write_head(out, 4, len(items))
        for item in items:
            write(out, item)


def write_head(out, major, number):
    for limit, code, pattern in ((1 << 8, 24, ">B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I"), (1 << 64, 27, ">Q")):
        if number < 24:
            out.append(major << 5 | number)
            return
        if number < limit:
            out.append(major << 5 | code)
            out += struct.pack(pattern, number)
            return
    raise ValueError("too large for CBOR")


def loads(data):
    return read(data, 0)[0] if data else {}


def read(data, at):
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return read_simple(data, at, low)
    if low == 31:
        return read_indefinite(data, at, major)
    number, at = read_number(data, at, low)
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        raw = bytes(data[at : at + number])
        return (raw if major == 2 else raw.decode()), at + number
    if major == 4:
        items = []
        for _ in range(number):
            item, at = read(data, at)
            items.append(item)
        return items, at
    if major == 5:
        entries = {}
        for _ in range(number):
            key, at = read(data, at)
            entries[key], at = read(data, at)
        return entries, at
    value, at = read(data, at)
    return (datetime.fromtimestamp(value, timezone.utc).replace(tzinfo=None) if number == 1 else value), at


def read_number(data, at, low):
    if low < 24:
        return low, at
    size = 1 << (low - 24)
    return int.from_bytes(data[at : at + size], "big"), at + size


def read_simple(data, at, low):
    if low in (20, 21):
        return low == 21, at
    if low in (22, 23):
        return None, at
    if low == 31:
        return BREAK, at
    size, pattern = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}[low]
    return struct.unpack(pattern, data[at : at + size])[0], at + size


def read_indefinite(data, at, major):
    items = []
    while True:
        item, at = read(data, at)
        if item is BREAK:
            break
        items.append(item)
    if major == 5:
        return dict(zip(items[::2], items[1::2])), at
    if major in (2, 3):
        return (b"" if major == 2 else "").join(items), at
    return items, at
