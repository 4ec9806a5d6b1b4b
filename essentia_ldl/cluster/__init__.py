"""Calls spread over threads of this process, or over the workers of a cluster that runs already.

held        what a thread keeps from one call to the next: a process of its own
child       a call of the sound or nets zone in that process, so that a file that kills it kills no worker
pool        one interface (submit, wait, fetch, close), the threads of this process, and `spread`
on_dask     the workers of a Dask scheduler
share       the store of this machine and of workers that do not see it
"""
