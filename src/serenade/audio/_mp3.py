"""Count the frames of an MP3 file, whose header may state another number or none."""

from __future__ import annotations

import dataclasses
import functools
import struct
from typing import TYPE_CHECKING

from serenade.audio._container import check_part_count

if TYPE_CHECKING:
    from typing import BinaryIO

_KBPS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_SIDE = {(3, False): 32, (3, True): 17}  # bytes of side information, by version and mono
_MOST_SEARCHES = 100_000  # bytes that look like a frame's first between two frames


@dataclasses.dataclass
class Mp3:
    """Consecutive frames of one MP3 recording.

    Attributes:
        start: position of the first frame.
        head: header of the first frame with sound.
        end: position after the last frame.
        frames: number of complete frames with sound.
        stated: number of frames that its information frame states; None without that frame.
        counter: position of that number in the file; 0 if the frame leaves it out.
        incomplete: whether the last frame is cut.
    """

    start: int
    head: bytes
    end: int = 0
    frames: int = 0
    stated: int | None = None
    counter: int = 0
    incomplete: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether frames are missing; some encoders count the information frame as well."""
        stated = self.stated or 0
        return stated > self.frames + 1 or (stated > self.frames and self.incomplete)


def find_recordings(file: BinaryIO, size: int) -> list[Mp3]:
    """Find the recordings of an MP3 file; joined files contain several.

    Args:
        file: the file, at any position.
        size: of the file in bytes.

    Returns:
        The recordings, or none if the file does not begin with frames (after its tags).

    Raises:
        SignalFormatError: the file holds too many recordings or tags.
    """
    found: list[Mp3] = []
    searches = 0
    position = skip_tags(file, 0)
    while position + 4 <= size:
        file.seek(position)
        frame = file.read(64)
        length = _compute_length(frame[1], frame[2]) if frame[0] == 0xFF else 0
        same = bool(found) and _is_alike(frame, found[-1].head)
        if not length or not (same or _has_neighbour(file, position + length, frame, size)):
            if not found:
                break
            searches += 1
            position = _search(file, position)
            if searches > _MOST_SEARCHES:
                break
            continue
        informs, stated, counter = _read_information(frame, position)
        if informs or not same:
            found.append(Mp3(position, frame[:4], stated=stated, counter=counter))
            check_part_count(file, len(found))
        if position + length > size:
            found[-1].incomplete = True
            break
        found[-1].frames += not informs
        position = found[-1].end = position + length
    return [recording for recording in found if recording.frames]


def make_information_frame(head: bytes, frames: int) -> bytes:
    """Return an information frame that states a number of frames like one with this header."""
    # 64 kbit/s or more, without a checksum: long enough for the information.
    head = bytes([head[0], head[1] | 1, (head[2] & 0x0C) | 0x90, head[3]])
    content = head + bytes(_measure_side(head)) + b"Xing" + struct.pack(">II", 1, frames)
    return content.ljust(_compute_length(head[1], head[2]), b"\0")


def skip_tags(file: BinaryIO, position: int) -> int:
    """Return the position after the ID3 tags at a position.

    Raises:
        SignalFormatError: there are too many tags.
    """
    tags = 0
    while True:
        file.seek(position)
        tag = file.read(10)
        if len(tag) < 10 or not tag.startswith(b"ID3") or max(tag[6:]) > 127:
            return position
        position += 10 + sum(digit << 7 * (3 - i) for i, digit in enumerate(tag[6:]))
        tags += 1
        check_part_count(file, tags)


@functools.cache
def _compute_length(second: int, third: int) -> int:
    """Return the length of a layer III frame by two bytes of its header, or 0 for other bytes."""
    version, layer = second >> 3 & 3, second >> 1 & 3
    rate, hertz = third >> 4, third >> 2 & 3
    if second < 0xE0 or version == 1 or layer != 1 or rate in {0, 15} or hertz == 3:
        return 0
    samples = 144_000 if version == 3 else 72_000
    kbps = _KBPS[3 if version == 3 else 2][rate]
    return samples * kbps // _HERTZ[version][hertz] + (third >> 1 & 1)


def _is_alike(frame: bytes, head: bytes) -> bool:
    """Return whether two frames have the same version and sampling rate."""
    return frame[1] & 0xFE == head[1] & 0xFE and frame[2] & 0x0C == head[2] & 0x0C


def _has_neighbour(file: BinaryIO, position: int, frame: bytes, size: int) -> bool:
    """Return whether another frame of the kind, or the end of the file, follows a frame."""
    file.seek(position)
    after = file.read(4)
    if len(after) < 4:
        return position >= size - 3
    return after[0] == 0xFF and _is_alike(after, frame) and _compute_length(*after[1:3]) > 0


def _search(file: BinaryIO, position: int) -> int:
    """Return the position of the next byte that may begin a frame or a tag."""
    after = skip_tags(file, position)
    if after > position:
        return after
    file.seek(position + 1)
    block = file.read(1 << 16)
    found = [place for place in (block.find(b"\xff"), block.find(b"ID3")) if place >= 0]
    return position + 1 + (min(found) if found else max(len(block) - 2, 1))


def _measure_side(head: bytes) -> int:
    """Return the number of bytes of side information of a frame."""
    version, mono = head[1] >> 3 & 3, head[3] >> 6 == 3
    return _SIDE.get((version, mono), 9 if mono else 17)


def _read_information(frame: bytes, position: int) -> tuple[bool, int | None, int]:
    """Read an information frame.

    Returns:
        Whether the frame is one, the number of frames that it states, and where in the file.
    """
    # Encoders place it without regard to a checksum, which mpg123 does as well.
    xing = 4 + _measure_side(frame)
    if frame[xing : xing + 4] in {b"Xing", b"Info"}:
        has_number = bool(int.from_bytes(frame[xing + 4 : xing + 8], "big") & 1)
        place = xing + 8 if has_number else 0
    elif frame[36:40] == b"VBRI":
        place = 50
    else:
        return False, None, 0
    stated = int.from_bytes(frame[place : place + 4], "big") if place else 0
    return True, stated, position + place if place else 0
