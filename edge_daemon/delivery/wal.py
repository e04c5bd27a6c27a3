"""SQLite's write-ahead log, as far as needed to see what SQLite ignores after a damaged frame.

SQLite reads the log up to the first frame whose checksum is wrong, and says nothing about those that follow. Format:
https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER = struct.Struct(">8I")  # magic, version, page size, sequence number, two salts, two checksums
_FRAME = struct.Struct(">6I")  # page number, size of the database after a commit (else 0), two salts, two checksums
_BIG_ENDIAN = 0x377F0683
"""The magic number of a log whose checksums are of big-endian words."""


def ignored_transactions(data: bytes, valid: int, page_size: int) -> list[bytes]:
    """The pages of each complete transaction after the first `valid` frames of a log, which SQLite reads.

    Frames of an earlier use of the log, which stay behind the new ones, do not count. The last transaction, if it was
    not complete, does not count either.
    """
    if len(data) < _HEADER.size:
        return []
    salts = _HEADER.unpack_from(data)[4:6]
    if not _header_is_whole(data):
        salts = _salts_of_first_frame(data)
    frames = list(_frames(data, valid, page_size))
    # the salts of one frame may be what is damaged: all up to the last that has them belong to this use
    ours = max((number for number, (found, _, _) in enumerate(frames, 1) if found == salts), default=0)
    transactions, pages = [], b""
    for _, committed, page in frames[:ours]:
        pages += page
        if committed:
            transactions.append(pages)
            pages = b""
    return transactions


def _frames(data: bytes, first: int, page_size: int) -> Iterator[tuple[tuple[int, ...], bool, bytes]]:
    """Salts, whether it ends a transaction, and page of each frame from number `first` on."""
    size = _FRAME.size + page_size
    for at in range(_HEADER.size + first * size, len(data) - size + 1, size):
        head = _FRAME.unpack_from(data, at)
        yield head[2:4], head[1] != 0, data[at + _FRAME.size : at + size]


def _salts_of_first_frame(data: bytes) -> tuple[int, ...]:
    whole = len(data) >= _HEADER.size + _FRAME.size
    return _FRAME.unpack_from(data, _HEADER.size)[2:4] if whole else ()


def _header_is_whole(data: bytes) -> bool:
    magic, *_, first, second = _HEADER.unpack_from(data)
    words = struct.unpack_from(f"{'>' if magic == _BIG_ENDIAN else '<'}6I", data)
    a = b = 0
    for i in range(0, 6, 2):
        a = (a + words[i] + b) & 0xFFFFFFFF
        b = (b + words[i + 1] + a) & 0xFFFFFFFF
    return (a, b) == (first, second)
