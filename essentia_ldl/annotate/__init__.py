"""The local page that labels music: tracks and votes flow in, a table that `train` reads flows out.

What was said is kept as a journal of votes, from which everything else is computed again: the table, the agreement of
the raters, and what a model that learns from the answers would ask next. Starlette and uvicorn, of the extra `app`, are
loaded in the functions that need them.
"""
