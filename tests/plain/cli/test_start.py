"""The program from its first line on: Ctrl-C, closed streams, temporary folders."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import wave
from pathlib import Path

import psutil
import pytest

from essentia_ldl.cli.start import SCRATCH, STOPPED, hold_scratch, sweep_scratch
from essentia_ldl.zones import zone_environment

PROGRAM = (sys.executable, "-m", "essentia_ldl")
# a program whose command is replaced: `action` runs in the place of the command line
STAND_IN = """
import os, signal, sys, types
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it
stand_in = types.ModuleType("essentia_ldl.cli.main")
def main(prog_name):
    {action}
stand_in.main = main
sys.modules["essentia_ldl.cli.main"] = stand_in
from essentia_ldl.cli.start import run
{before}
run()
{after}
"""
PRESS = "os.kill(os.getpid(), signal.SIGINT)"


def start(action: str = "pass", before: str = "", after: str = "") -> subprocess.CompletedProcess[str]:
    code = STAND_IN.format(action=action, before=before, after=after)
    return subprocess.run([sys.executable, "-c", code], env=zone_environment(), capture_output=True, text=True)


def hear_interrupts() -> None:
    """Let a child hear Ctrl-C, which who runs the tests may ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def check_stopped(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stderr) == (130, f"error: {STOPPED}\n")


@pytest.mark.parametrize(
    "action",
    [
        PRESS,
        f"try: {PRESS}\n    except KeyboardInterrupt: raise ImportError('numpy failed to import') from None",
        f"try: {PRESS}\n    except KeyboardInterrupt: sys.exit(1)",
    ],
    ids=["as it comes", "as another error", "as a status"],
)
def test_c5_an_interruption_is_130_whatever_it_was_made_into(action):
    check_stopped(start(action))


def test_c5_a_command_that_told_of_it_is_not_repeated():
    action = f"try: {PRESS}\n    except KeyboardInterrupt: print('told', file=sys.stderr); sys.exit(130)"
    done = start(action)
    assert (done.returncode, done.stderr) == (130, "told\n")


def test_c5_imports_and_the_end_of_python_are_quiet():
    before = """
import importlib.abc
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "essentia_ldl.cli.main": os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Slow())
del sys.modules["essentia_ldl.cli.main"]
"""
    check_stopped(start(before=before))
    check_stopped(start(after=PRESS))


def test_c5_a_bug_stays_a_traceback_and_an_ignored_signal_ignored():
    assert "ZeroDivisionError" in start("1 / 0").stderr
    assert start(PRESS, before="signal.signal(signal.SIGINT, signal.SIG_IGN)").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("recipe", "mood-sad"), ("models",)])
def test_c5_at_random_moments(arguments, tmp_path):
    """30 delays per command; the end of Python itself, before our first line, counts too."""
    environment = {**os.environ, **zone_environment(), "ESSENTIA_LDL_HOME": str(tmp_path)}
    for number in range(30):
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_interrupts,
        )
        time.sleep(0.02 * number)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        own_end = process.returncode in (-signal.SIGINT, 1) and "cli/group.py" not in errors
        assert process.returncode in (0, 130) or own_end, errors
        assert process.returncode != 130 or errors == f"error: {STOPPED}\n"


def close(stream: int, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **zone_environment(), "ESSENTIA_LDL_HOME": str(home)}
    command = f'exec "$@" {stream}>&-'
    return subprocess.run(
        ["sh", "-c", command, "sh", *PROGRAM, *arguments], env=environment, capture_output=True, text=True
    )


def test_c7_a_closed_output_is_a_sentence_where_it_is_needed(tmp_path):
    done = close(1, "predict", "a.wav", home=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "expected a standard output to write to; got 'a closed one'" in done.stderr


def test_c7_closed_errors_leave_the_status(tmp_path):
    done = close(2, "recipe", "no-such-task", home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_c7_a_closed_stream_is_not_taken_by_a_file():
    action = "os.write(1, b'x'); print(os.path.samestat(os.fstat(1), os.stat(os.devnull)), file=sys.stderr)"
    assert start(action, before="os.close(1); sys.stdout = None").stderr == "True\n"


def test_c14_temporary_files_lie_in_one_folder_that_goes(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with hold_scratch():
        folder = Path(tempfile.mkdtemp())
        assert folder.parent.parent == tmp_path
        assert folder.parent.name.startswith(SCRATCH)
        sweep_scratch(str(tmp_path))  # of another command
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []
    assert os.environ["TMPDIR"] == str(tmp_path)


def test_c14_what_a_killed_command_left_goes_with_the_next(tmp_path, monkeypatch):
    code = """
import os, signal, tempfile
from essentia_ldl.cli.start import hold_scratch
with hold_scratch():
    tempfile.mkdtemp(prefix="essentia-ldl-markers-")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], env={**zone_environment(), "TMPDIR": str(tmp_path)}, check=False)
    (tmp_path / "essentia-ldl-of-somebody").mkdir()
    (tmp_path / f"{SCRATCH}link").symlink_to(tmp_path / "essentia-ldl-of-somebody")
    assert len(list(tmp_path.glob(f"{SCRATCH}*/*markers*"))) == 1
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with hold_scratch():
        assert not list(tmp_path.glob(f"{SCRATCH}*/*markers*"))
    assert {path.name for path in tmp_path.iterdir()} == {"essentia-ldl-of-somebody", f"{SCRATCH}link"}


def test_c14_a_machine_without_room_for_it_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "mkdir", lambda path, mode: (_ for _ in ()).throw(PermissionError(path)))
    with hold_scratch():
        pass


# --- killed ---------------------------------------------------------------------------------------------------------


def find_marked(mark: str) -> list[psutil.Process]:
    """Return the processes that have a text in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and mark in process.environ().values():
                found.append(process)
        except psutil.Error:
            continue
    return found


def make_noise(folder: Path) -> Path:
    """Write forty files of 10 s of noise in two classes, which take a while to decode."""
    noise = random.Random(0).randbytes(10 * 2 * 16000)
    for n in range(40):
        path = folder / "data" / ("sad", "non_sad")[n % 2] / f"{n}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(noise[n:] + noise[:n])
    return folder / "data"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("graphs", "build"),
        ("train", "mood-sad", "--data", "data", "--labels", "none"),
        ("labels", "mood-sad", "--data", "data", "--labels", "sb"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_c6_nothing_outlives_a_command_that_is_killed(arguments, tmp_path):
    """SIGKILL leaves a command no time to end what it has started, which went on for minutes."""
    if any(importlib.util.find_spec(name) is None for name in ("essentia", "tensorflow")):
        pytest.skip("Essentia and TensorFlow are not installed")
    make_noise(tmp_path)
    mark = uuid.uuid4().hex
    environment = {**os.environ, **zone_environment(), "ESSENTIA_LDL_HOME": str(tmp_path), "MARK_OF_A_TEST": mark}
    streams = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
    process = subprocess.Popen([*PROGRAM, *arguments], env=environment, cwd=tmp_path, **streams)
    deadline = time.monotonic() + 120
    while len(find_marked(mark)) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)  # the children begin to work
    n_children = len(find_marked(mark)) - 1
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while (left := find_marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    for one in left:
        one.kill()
    assert (n_children > 0, left) == (True, [])


# --- locales --------------------------------------------------------------------------------------------------------

LOCALES = {
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "C": {"LC_ALL": "C"},
    "C of LANG": {"LANG": "C"},
    "C without UTF-8 mode": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
}


def run_in(locale: str, folder: Path, *arguments: str) -> tuple[int, bytes, bytes]:
    kept = {
        key: value for key, value in zone_environment().items() if not key.startswith(("LC_", "LANG", "PYTHONUTF8"))
    }
    environment = {**kept, "ESSENTIA_LDL_HOME": str(folder), **LOCALES[locale]}
    done = subprocess.run([*PROGRAM, *arguments], env=environment, cwd=folder, capture_output=True)
    return done.returncode, done.stdout, done.stderr


def make_named(folder: Path) -> Path:
    """Make a collection whose classes, artists and files have names in several scripts; one file is no audio."""
    data = folder / "Müsik"
    for label in ("fröhlich", "悲しい"):
        for n in range(2):
            place = data / label / f"Ártist{n}"
            place.mkdir(parents=True)
            (place / f"naïve {n}.wav").write_bytes(b"no audio" * n)
    return data


@pytest.mark.parametrize("locale", [name for name in LOCALES if name != "UTF-8"])
def test_c17_names_are_the_same_bytes_in_every_locale(locale, tmp_path):
    """A recipe from class folders whose names ASCII has no letters for."""
    found = {}
    for name in ("UTF-8", locale):
        folder = tmp_path / "same"
        make_named(folder)
        found[name] = run_in(name, folder, "new", "my-task", "--data", "Müsik")
        written = sorted(folder.rglob("*.toml"))
        found[name] += tuple(path.read_bytes() for path in written)
        folder.rename(tmp_path / f"was-{len(found)}")
    assert found["UTF-8"][0] == 0, found["UTF-8"]
    assert "fröhlich".encode() in found["UTF-8"][-1]
    assert found[locale] == found["UTF-8"]


@pytest.mark.slow
def test_c17_files_are_judged_alike_in_every_locale(tmp_path):
    """`data` opens every file in processes of their own."""
    if importlib.util.find_spec("essentia") is None:
        pytest.skip("Essentia is not installed")
    make_named(tmp_path)
    found = {locale: run_in(locale, tmp_path, "data", "Müsik") for locale in LOCALES}
    assert found["UTF-8"][0] == 1, found["UTF-8"]
    assert "naïve".encode() in found["UTF-8"][1] + found["UTF-8"][2]
    assert all(one == found["UTF-8"] for one in found.values()), found
