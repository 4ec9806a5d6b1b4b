"""Vectors of words, from the user's file, and of phrases, which are means of them.

formats    one pass over a file of vectors, text or binary, of which the wanted rows are kept
cache      what was read of a large file, kept
side       the word side of a space that words and audio share
vectors    the vectors of the words that are wanted, and of phrases made of them
"""
