"""Find music by its sound and by words: an index of embeddings and tags, and what is near a track or words in it.

nearest    vectors in, scores per track out: exactly, or through a graph of neighbours
library    the file of an index: vectors, and what is known of the tracks
embedding  a model whose answer is its embedding, so that all that predicts can index
index      the `index` command: music in, a file of vectors out, added to when it is given again
similar    the `similar` command: a track or an artist in, the nearest tracks out
bridge     from words to the tags that a model knows
words      the `search` command: words in, tracks out
describe   the `describe` command: tracks in, words out
lists      what was found, as json and as a playlist
"""
