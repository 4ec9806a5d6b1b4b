"""Pictures that belong to tracks, such as album covers. In: tracks; out: pixels in the store, by the picture's content.

Pillow and mutagen, the extra `covers`, are loaded in the functions that need them.
"""
