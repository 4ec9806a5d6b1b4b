"""Files: where things are, atomic writing, json and digests. In and out: paths and values; no arrays.

Everything is written to a temporary name in the same folder and renamed, so that a killed process leaves no half file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from essentia_ldl.errors import DataError, DiskError, EssentiaLdlError, Reason, StoreError, explain, show

# What reading json raises: ValueError also of an integer of over 4,300 digits, RecursionError of a file of brackets.
JSON_DAMAGE = (OSError, ValueError, RecursionError, OverflowError, MemoryError)


@dataclasses.dataclass(frozen=True)
class Home:
    """The folder below which everything is that outlives a command; two of them in one process share nothing.

    Parameters
    ----------
    root : path
        Made absolute; a ``~`` stands for the user's own folder. Nothing is made before something is written.
    cluster : str or None
        URL of the cluster whose workers fill the store, as `cluster.pool.open_cluster` takes it; None is this machine.
    share : str or None
        A folder or a URL that all machines see, where the workers do not see the store; None where they see it, under
        the same path.

    Examples
    --------
    >>> Home("/music").graphs.as_posix()
    '/music/graphs'
    """

    root: Path
    cluster: str | None = None
    share: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.root, str | os.PathLike):
            remedy = "Give the path of a folder."
            raise DataError(explain("home", "a path", type(self.root).__name__, "Home", remedy))
        try:
            root = Path(self.root).expanduser().resolve()
            if root.is_symlink():  # from Python 3.13 on a link that leads to itself stays what it is
                raise OSError("a link that leads to itself")
        except (OSError, RuntimeError, ValueError) as error:  # also a user who does not exist, and a null character
            remedy = "Set ESSENTIA_LDL_HOME to a folder, or leave it out for the present one."
            where = show(str(self.root))
            raise StoreError(explain("home", "a folder that can be found", error, where, remedy)) from None
        object.__setattr__(self, "root", root)

    @classmethod
    def from_environment(cls) -> Home:
        """Return the home of the command line: ESSENTIA_LDL_HOME, or the current folder."""
        return cls(Path(os.environ.get("ESSENTIA_LDL_HOME") or "."))

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.root / "runs"

    @property
    def store(self) -> Path:
        """Features and embeddings, see `features.store.Store`."""
        return self.root / "store"

    @property
    def graphs(self) -> Path:
        """Models: graphs with their cards, and pretrained weights."""
        return self.root / "graphs"

    @property
    def recipes(self) -> Path:
        """The user's own recipes, which go before those of the package."""
        return self.root / "recipes"

    @property
    def demos(self) -> Path:
        """Built-in demo collections, one folder per task."""
        return self.store / "demo"


FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
PART = ".part-"  # how the name of a file begins that is not whole yet


def sweep_parts(folder: Path) -> None:
    """Remove what `replacing` left below a folder in processes that were killed; nobody else may write there now."""
    for path in folder.rglob(f"{PART}*"):
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that appears under its name only when the block ends well.

    Parameters
    ----------
    path : path
        Final name; its folder is made when missing.

    Yields
    ------
    BinaryIO
        A temporary file in the same folder; renamed at the end, removed after an exception.

    Raises
    ------
    DiskError
        When the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=PART, dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except EssentiaLdlError:
        raise
    except OSError as error:  # numpy's, on a full disk, has neither errno nor strerror
        reason = Reason(error.strerror or error)
        remedy = "Name another folder" if error.errno in FORBIDDEN else "Free space"
        raise DiskError(f"{path} could not be written: {reason}. {remedy}, or set ESSENTIA_LDL_HOME.") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


@contextlib.contextmanager
def taking_turns(folder: Path) -> Iterator[None]:
    """Let one thread of one process at a time work in a folder; the others wait.

    Parameters
    ----------
    folder : Path
        It is made where it is missing. On a file system without locks nobody waits.

    Raises
    ------
    OSError
        When it cannot be made or opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def lock_file(file: int) -> bool:
    """Lock an open file for this process, without waiting.

    Parameters
    ----------
    file : int
        Its descriptor; the lock goes when it is closed, or with the process.

    Returns
    -------
    bool
        False where another process has locked it. On a file system without locks everybody may have it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def is_at(file: int, path: str | os.PathLike[str]) -> bool:
    """Tell whether an open file is what stands under a name now."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False


def set_aside(path: Path, word: str, remedy: str) -> str:
    """Rename a file to a name that is free.

    Parameters
    ----------
    path : Path
        The file.
    word : str
        What is wrong with it, such as "unreadable"; it becomes a part of the name.
    remedy : str
        What to do when it cannot be renamed.

    Returns
    -------
    str
        The new name, in the same folder.

    Raises
    ------
    StoreError
        When no such name is free, or the folder cannot be written.
    """
    names = (f"{path.stem}-{word}{suffix}{path.suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 100))))
    name = next((name for name in names if not os.path.lexists(path.with_name(name))), None)
    if name is None:
        raise StoreError(explain("file", "a free name to keep it under", "99 that are taken", path, remedy))
    try:
        path.rename(path.with_name(name))
    except OSError as error:
        reason = Reason(error.strerror or error)
        raise StoreError(f"{path} cannot be renamed: {reason}. {remedy}") from None
    return name


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a value as json, atomically."""
    with replacing(path) as file:
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        file.write(text.encode("utf-8", "surrogateescape"))  # file names need not be UTF-8


def read_json(
    path: str | os.PathLike[str],
    what: str = "file",
    remedy: str = "Delete it and run again.",
    kind: type[EssentiaLdlError] = StoreError,
) -> Any:
    """Read a json file, with or without a byte order mark.

    Parameters
    ----------
    path : path
        The file.
    what : str
        What it is, for the message.
    remedy : str
        What to do when it cannot be read.
    kind : type
        Of the error.

    Raises
    ------
    EssentiaLdlError
        Of that kind, when it is missing or not json, or nested or long beyond reason.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape"))
    except JSON_DAMAGE as error:
        raise kind(explain(what, "readable json", error, path, remedy)) from None


def read_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a json file that holds an object.

    Raises
    ------
    StoreError
        When it is missing or not json, is nested or long beyond reason, or holds a list, a number or nothing.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        found = type(value).__name__
        raise StoreError(explain("file", "a json object", found, path, "Delete it and run again."))
    return value


def is_file_name(name: object) -> bool:
    """Tell whether a value is the name of a file or folder that cannot lead out of the folder it is looked for in."""
    plain = isinstance(name, str) and name not in ("", ".", "..") and not set("/\\\0") & set(name)
    return plain and name[1:2] != ":"  # a drive of Windows


def digest_file(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
