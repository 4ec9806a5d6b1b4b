"""Letters of pictures that matplotlib draws, which has no Chinese, Japanese or Korean ones of its own.

In: a text; out: the same text as the fonts of this computer can show it, and the families of these.
"""

from __future__ import annotations


def find_fonts(text: str) -> tuple[str, list[str]]:
    """Return a text as the fonts of this computer can show it, and their families.

    The usual font has Latin, Greek and Cyrillic letters. Others, such as Chinese ones, are looked for in all fonts; one
    that no font has is written as an escape, because a box tells nobody which class is meant.
    """
    from matplotlib import font_manager

    usual = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    missing = {letter for letter in text if letter != "\n" and not usual.get_char_index(ord(letter))}
    families = ["sans-serif"]
    for entry in font_manager.fontManager.ttflist if missing else ():
        if entry.name.startswith("Last Resort"):  # comes with matplotlib and has a box for every letter there is
            continue
        try:
            font = font_manager.get_font(entry.fname)
        except (OSError, RuntimeError):  # gone since fonts were listed, or in a format without outlines
            continue
        found = {letter for letter in missing if font.get_char_index(ord(letter))}
        if found:
            families.append(entry.name)
            missing -= found
        if not missing:
            break
    shown = "".join(ascii(letter)[1:-1] if letter in missing else letter for letter in text)
    return shown, families
