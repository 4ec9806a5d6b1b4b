"""How a command ends: its lines, one sentence for every error, and an exit status that tells."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from essentia_ldl.cli.start import STATUS, STOPPED
from essentia_ldl.errors import EssentiaLdlError


class Group(click.Group):
    """A group in which every error is one sentence and exit status 1, and Ctrl-C is not a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands as they are defined, which is the order of the data flow."""
        return list(self.commands)

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        with _telling():  # --help and --version are written here
            return super().make_context(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        with _telling():
            return super().invoke(ctx)


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """End the process with a sentence for every error that is not a bug."""
    if sys.stdout is not None:
        sys.stdout.reconfigure(errors="surrogateescape")  # file names need not be UTF-8
    try:
        yield
    except EssentiaLdlError as error:
        fail(str(error), getattr(error, "status", 1))
    except KeyboardInterrupt:
        fail(STOPPED, STATUS)
    except BrokenPipeError:
        sys.stderr.close()
        os._exit(1)
    except MemoryError:
        fail("Memory ran out. Close other programs, or use fewer --jobs.")
    except OSError as error:
        where = error.filename or "standard output"
        if error.errno == errno.ENOSPC:
            fail(f"The disk is full ({where}). Free space and run again.")
        fail(f"{where} cannot be used: {error.strerror or error}. Check disk and path.")


def fail(message: str, status: int = 1) -> None:
    """End the process with a sentence and an exit status."""
    if message:
        click.echo(f"error: {message}", err=True)
    raise SystemExit(status)


def show(lines: Iterable[str], *, err: bool = False) -> None:
    """Write the lines of a result, or with `err` on the standard error."""
    for line in lines:
        click.echo(line, err=err)
