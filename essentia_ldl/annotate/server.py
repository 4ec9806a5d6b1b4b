"""The server of the page: requests of browsers on this computer flow in, calls of a session flow out.

Every address begins with a token, so that no other page and no other user of the computer can ask; the host must be
this computer's own, so that no foreign name can be made to stand for it. The page loads nothing from elsewhere.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import socket
import stat
import sys
import threading
import webbrowser
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from essentia_ldl.annotate.sounds import Converted, find_type
from essentia_ldl.annotate.visitor import MODEL, RANDOM, Visitor
from essentia_ldl.errors import AudioError, DataError, DiskError, EssentiaLdlError, Reason, StoreError, explain
from essentia_ldl.files import taking_turns

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from essentia_ldl.annotate.review_session import ReviewSession
    from essentia_ldl.annotate.session import LabelSession

HOST, PORT = "127.0.0.1", 8477
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
STATIC = {
    "": ("text/html", ("essentia_ldl.annotate/page.html",)),
    "page.js": ("text/javascript", tuple(f"essentia_ldl.annotate/{name}.js" for name in ("page", "curve", "player"))),
    "page.css": ("text/css", ("essentia_ldl.report/report.css", "essentia_ldl.annotate/page.css")),
}
MOST_BYTES = 1 << 16  # of a request
NUMBER = re.compile(r"[0-9]{1,9}")
TOKEN = re.compile(r"[\w-]{16,64}", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Serving:
    """How the page is served.

    Parameters
    ----------
    port : int or None
        None takes `PORT`, or any where that is taken.
    opens : bool
        Whether the user's browser is opened.
    """

    port: int | None = None
    opens: bool = True


def require_app() -> None:
    """Raise `DataError` when the packages of the extra are not installed."""
    import importlib.util

    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        remedy = "Install it with `pip install 'essentia-ldl[app]'`."
        raise DataError(explain("extra app", "starlette and uvicorn", f"no {missing[0]}", "page", remedy))


def build_app(session: LabelSession | ReviewSession, token: str, converted: Converted) -> Starlette:
    """Build the application.

    Parameters
    ----------
    session : LabelSession or ReviewSession
        Answers the calls.
    token : str
        What every address begins with.
    converted : Converted
        Of files that the browser cannot play.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import FileResponse, PlainTextResponse, Response
    from starlette.routing import Mount, Route

    calls: dict[str, Callable[[Visitor, dict[str, Any]], dict[str, Any]]] = {
        "next": lambda asked, body: session.next(asked, bool(body.get("leave"))),
        "answer": lambda asked, body: session.answer(asked, body),
        "undo": lambda asked, body: session.undo(asked, str(body.get("id", ""))),
        "take": lambda asked, body: session.take(asked, read_number(body.get("track"))),
        "pass": lambda asked, body: session.pass_over(
            asked, read_number(body.get("track")), str(body.get("reason", ""))[:200]
        ),
        "state": lambda asked, _: session.tell(asked),
    }

    async def serve_call(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in calls:
            return PlainTextResponse("no such call", 404)
        status = 200
        try:
            body = await read_body(request)
            told = await run_in_threadpool(calls[name], read_asked(body), body)
        except DiskError as error:
            status, told = 507, {"error": str(error)}
        except EssentiaLdlError as error:
            status, told = 400, {"error": str(error)}
        # in ASCII, as names of files need not be UTF-8
        return Response(json.dumps(told, allow_nan=False), status, HEADERS, "application/json")

    async def serve_sound(request: Request) -> Response:
        try:
            path = session.path_of(read_number(request.path_params["number"]))
            if request.query_params.get("as") == "mp3":
                path = str(await run_in_threadpool(converted.find, path))
            if not os.path.isfile(path) or not os.access(path, os.R_OK):
                found = "one that may not be read" if os.path.exists(path) else "nothing there"
                raise AudioError(explain("audio", "a file to read", found, path, "Check the folder."))
            return FileResponse(path, media_type=find_type(path), headers=HEADERS)
        except EssentiaLdlError as error:
            return PlainTextResponse(str(error).encode("utf-8", "replace"), 404, headers=HEADERS)

    async def serve_static(request: Request) -> Response:
        kind, files = STATIC.get(request.path_params.get("name", ""), ("", ()))
        if not files:
            return PlainTextResponse("no such page", 404)
        return Response(read_static(files), media_type=kind, headers=HEADERS)

    routes = [
        Route("/", serve_static),
        Route("/call/{name}", serve_call, methods=["POST"]),
        Route("/sound/{number}", serve_sound),
        Route("/{name}", serve_static),
    ]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return Starlette(routes=[Mount(f"/{token}", routes=routes)], middleware=[hosts])


def read_static(files: tuple[str, ...]) -> str:
    """Return files of the package, one behind the other."""
    parts = [name.split("/") for name in files]
    return "\n".join((resources.files(package) / name).read_text("utf-8") for package, name in parts)


async def read_body(request: Request) -> dict[str, Any]:
    """Read the json of a request; `DataError` where it is none, or long."""
    length = request.headers.get("content-length", "")
    rule, remedy = f"a json object of {MOST_BYTES} bytes or fewer", "Load the page again."
    if not length.isdecimal() or int(length) > MOST_BYTES:
        raise DataError(explain("request", rule, f"{length or 'unknown'} bytes", "page", remedy))
    try:
        body = await request.json()
        json.dumps(body, ensure_ascii=False).encode("utf-8")  # half a character would be kept, and not be told
    except (ValueError, RecursionError) as error:
        raise DataError(explain("request", rule, error, "page", remedy)) from None
    if not isinstance(body, dict):
        raise DataError(explain("request", rule, type(body).__name__, "page", remedy))
    return body


def read_asked(body: dict[str, Any]) -> Visitor:
    """Return who asks."""
    order = RANDOM if body.get("order") == RANDOM else MODEL
    return Visitor(" ".join(str(body.get("rater", "")).split()), str(body.get("browser", ""))[:80], order)


def read_number(said: object) -> int:
    """Return the number of a track, of json or of an address."""
    if isinstance(said, str) and NUMBER.fullmatch(said):
        return int(said)
    if not isinstance(said, int):
        raise DataError(explain("track", "a number", said, "page", "Load the page again."))
    return said


def find_token(folder: Path) -> str:
    """Return the token of this home, which only its owner can read; pages that are open stay valid by it.

    Parameters
    ----------
    folder : Path
        Where it is kept; a new one is drawn where there is none.

    Raises
    ------
    DiskError
        When it cannot be kept.
    """
    path = folder / "page-token"
    try:
        with taking_turns(folder):  # two servers that begin at once have one token
            with contextlib.suppress(OSError):
                status, token = path.lstat(), path.read_text("ascii", "replace").strip()
                is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
                if TOKEN.fullmatch(token) and is_own and not status.st_mode & 0o077:
                    return token
            token = secrets.token_urlsafe(24)
            path.unlink(missing_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w") as stream:
                stream.write(token + "\n")
    except OSError as error:
        reason = Reason(error.strerror or error)
        raise DiskError(f"{path} cannot be written: {reason}. Set ESSENTIA_LDL_HOME to another folder.") from None
    return token


def open_socket(port: int | None) -> socket.socket:
    """Open a port of this computer.

    Parameters
    ----------
    port : int or None
        Which; None takes `PORT`, or any where that is taken.

    Raises
    ------
    StoreError
        When the port is taken, or may not be opened.
    """
    reason = ""
    for number in (PORT, 0) if port is None else (port,):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((HOST, number))
            found.listen()  # until it does, another process could bind the same port
            return found
        except OSError as error:
            found.close()
            reason = f"{number} ({error.strerror})"
    remedy = "Name another one with --port, or none for any that is free."
    raise StoreError(explain("port", "a free one", reason, HOST, remedy))


def has_desktop() -> bool:
    """Tell whether there is a browser with windows; one in the terminal would take that away from the server."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)


def open_browser(address: str) -> None:
    """Open the user's browser, where there is one."""
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


def serve(session: LabelSession | ReviewSession, token: str, serving: Serving, tell: Callable[[str], object]) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    session : LabelSession or ReviewSession
        What it shows.
    token : str
        From `find_token`.
    serving : Serving
        The port, and whether the user's browser is opened.
    tell : callable
        Gets the address.
    """
    import uvicorn

    converted = Converted()
    with open_socket(serving.port) as found:
        address = f"http://{HOST}:{found.getsockname()[1]}/{token}/"
        config = uvicorn.Config(
            build_app(session, token, converted), log_config=None, lifespan="off", timeout_graceful_shutdown=2
        )
        tell(address)
        if serving.opens and has_desktop():
            threading.Thread(target=open_browser, args=(address,), daemon=True).start()  # it may take its time
        try:
            with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again when it has ended
                uvicorn.Server(config).run(sockets=[found])
        finally:
            converted.close()
