"""The fault-filtered lists of GTZAN: nothing flows in, the track numbers of each side and genre flow out.

Of Kereliuk, Sturm and Larsen 2015: 930 of the 1000 tracks, without replicas and mislabelled or distorted tracks.
"""

from __future__ import annotations

# The lists are those of https://github.com/jongpillee/music_dataset_split (GTZAN_split/), written as ranges:
#
# MIT License
#
# Copyright (c) 2017 Jongpil Lee
#
# Permission is hereby granted, free of charge, to any person obtaining a copy
# of this software and associated documentation files (the "Software"), to deal
# in the Software without restriction, including without limitation the rights
# to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
# copies of the Software, and to permit persons to whom the Software is
# furnished to do so, subject to the following conditions:
#
# The above copyright notice and this permission notice shall be included in all
# copies or substantial portions of the Software.
#
# THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
# IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
# FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
# AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
# LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
# OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
# SOFTWARE.
_FAULT_FILTERED = """
train blues 29-49 73-97
train classical 30-33 43-48 50-67 80-99
train country 19-26 28-29 65-99
train disco 5 15-20 22-37 39-45 47 49 53-54 56-57 59 61 70 73-74 89
train hiphop 2-25 28-29 31-38 41-42 55-61 77-80
train jazz 0-1 11-24 41 47-72
train metal 2-3 5 21 24 35 46-57 59-66 69 71-72 79-80 84 86 89-99
train pop 2-9 11-12 16-20 23-29 31-36 38-42 44 46 49-50 80 97-99
train reggae 0-2 4 6 9 11-12 14-32 42-45 49-51 54-60 63 69
train rock 0-9 16-26 57-70 91-99
valid blues 0-11 50-60
valid classical 0-10 68-76
valid country 0-7 9-18 27 41-42 45 49
valid disco 0 2-4 6-14 46 48 52 67-68 72 75 90 95
valid hiphop 81-98
valid jazz 2-10 25-32
valid metal 0-1 6-11 16-20 36-37 68 76-77 81-82
valid pop 10 53 55 58-62 81 83-86
valid reggae 61-62 70 72 74 76-78 85 92-99
valid rock 38 49-56 71-85
test blues 12-28 61-72 98-99
test classical 11-29 34-41 49 77-79
test country 30-40 43-44 46-48 50-51 53-64
test disco 1 21 58 62-66 69 76-88 91-94 96-97 99
test hiphop 0 26-27 30 40 43-45 51-54 62-75 99
test jazz 73-99
test metal 12-15 22-23 25-33 38-39 67 70 73-75 78 83 85 87-88
test pop 0-1 13-14 43 63-66 69-79 82 88-96
test reggae 34-40 46-48 52-53 64-68 71 79 82-84 87-90
test rock 10-15 27-37 39-48 86-90
"""


def read_fault_filtered() -> dict[str, dict[str, list[int]]]:
    """Return the track numbers of each genre, for "train", "valid" and "test"."""
    lists: dict[str, dict[str, list[int]]] = {}
    for line in _FAULT_FILTERED.strip().splitlines():
        side, genre, *ranges = line.split()
        ends = [(int(first), int(last or first)) for first, _, last in (part.partition("-") for part in ranges)]
        lists.setdefault(side, {})[genre] = [number for first, last in ends for number in range(first, last + 1)]
    return lists
