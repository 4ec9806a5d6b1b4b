"""What a file is, by its name and its first bytes. In: a path; out: whether it is audio, or film that may hold audio.

A suffix that audio has is believed, so that a broken file is reported by the step that opens it. Any other file is
looked into: audio comes as .mov, .ts or without a suffix too.
"""

from __future__ import annotations

import os
import stat

AUDIO_SUFFIXES = (
    *(".mp3", ".mp2", ".mp1", ".mpa", ".mpga", ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga"),
    *(".opus", ".spx", ".m4a", ".m4b", ".m4r", ".aac", ".adts", ".mp4", ".3gp", ".alac", ".aiff", ".aif", ".aifc"),
    *(".au", ".snd", ".caf", ".webm", ".weba", ".mka", ".mkv", ".wma", ".mpc", ".ape", ".wv", ".tta", ".tak", ".shn"),
    *(".dsf", ".dff", ".ac3", ".eac3", ".ec3", ".dts", ".amr", ".voc", ".sph", ".nist", ".oma"),
)
N_LOOKED_AT = 4096  # bytes
_STARTS = (
    *(b"fLaC", b"OggS", b"ID3", b"ADIF", b"MAC ", b"wvpk", b"MPCK", b"MP+", b".snd", b"caff", b"TTA1", b"DSD "),
    *(b"FRM8", b"NIST_1A", b"#!AMR", b"\x1aE\xdf\xa3", b"0&\xb2u\x8ef\xcf\x11", b"\x0bw", b"\x00\x00\x01\xba"),
    *(b"riff.\x91\xcf\x11", b"Creative Voice File", b".RMF", b".ra\xfd", b"FLV\x01", b"nut/multimedia", b"tBaK"),
    *(b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"\x06\x0e\x2b\x34\x02\x05\x01\x01", b"ea3\x03", b"ajkg", b"OFR "),
)
_IN_CHUNKS = {b"RIFF": (b"WAVE", b"AVI "), b"RIFX": (b"WAVE",), b"RF64": (b"WAVE",), b"BW64": (b"WAVE",)}
_IN_FORM = (b"AIFF", b"AIFC", b"8SVX", b"16SV")
_QUICKTIME = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def begins_as_audio(head: bytes) -> bool:
    """Tell whether a file that begins so is audio or film.

    Examples
    --------
    >>> begins_as_audio(b"fLaC" + bytes(8)), begins_as_audio(b"path,model,class")
    (True, False)
    """
    if b"\0" in head and (head.startswith(_STARTS) or head[4:8] in _QUICKTIME):  # a table may begin with "MAC address"
        return True
    if head[8:12] in _IN_CHUNKS.get(head[:4], ()) or (head[:4] == b"FORM" and head[8:12] in _IN_FORM):
        return True
    for first, step in ((0, 188), (4, 192)):  # transport streams, also with a time before each packet
        if len(head) > first + step and head[first] == head[first + step] == 0x47 and b"\0" in head:
            return True
    return _is_frame(head)


def _is_frame(head: bytes) -> bool:
    """Tell whether bytes begin with the header of an MPEG or ADTS frame."""
    if len(head) < 4 or head[0] != 0xFF:
        return False
    if head[1] & 0xF6 == 0xF0:  # ADTS: the index of its rate has 13 values
        return (head[2] >> 2) & 0xF < 13
    version, layer, bit_rate, rate = (head[1] >> 3) & 3, (head[1] >> 1) & 3, head[2] >> 4, (head[2] >> 2) & 3
    return head[1] & 0xE0 == 0xE0 and version != 1 and layer != 0 and 0 < bit_rate < 15 and rate < 3


def is_audio(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file of a folder is taken for audio: by its suffix, or else by its first bytes."""
    if os.fspath(path).lower().endswith(AUDIO_SUFFIXES):
        return True
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait for somebody who writes
            return False
        with open(path, "rb") as file:
            return begins_as_audio(file.read(N_LOOKED_AT))
    except OSError:
        return False
