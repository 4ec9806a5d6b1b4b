"""The file that keeps a calibration. In: a `Calibration` and a path; out: json, and the calibration again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from essentia_ldl.errors import DataError, EssentiaLdlError, StoreError, explain
from essentia_ldl.files import read_json, write_json
from essentia_ldl.scores.calibration import Calibration


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration as json; `path` is ``<run>/calibration.json``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "calibration.json")
    >>> write_calibration(path, Calibration("temperature", ("non_sad", "sad"), (1.0, 1.0), (0.0, 0.0)))
    >>> read_calibration(path).classes
    ('non_sad', 'sad')
    >>> folder.cleanup()
    """
    fields = dataclasses.asdict(calibration)
    write_json(path, {"kind": fields.pop("kind"), "temperature": calibration.temperature, **fields})


def read_calibration(path: Path, model: str = "", classes: Sequence[str] | None = None) -> Calibration:
    """Read what `write_calibration` wrote.

    Parameters
    ----------
    path : Path
        The json file.
    model : str
        Digest of the weights that it is for; empty accepts any.
    classes : sequence of str or None
        Classes of the model, in order; None accepts any.

    Returns
    -------
    Calibration

    Raises
    ------
    StoreError
        When the file is missing or not json.
    DataError
        When it is not a calibration, or that of another model.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "calibration.json")
    >>> write_calibration(path, Calibration("temperature", ("non_sad", "sad"), (1.0, 1.0), (0.0, 0.0)))
    >>> read_calibration(path).is_identity
    True
    >>> folder.cleanup()
    """
    remedy = "Run `essentia-ldl calibrate` on this run."
    if not Path(path).is_file():
        raise StoreError(explain("calibration", "a file", "no file", path, remedy))
    value = read_json(path)
    names = {field.name for field in dataclasses.fields(Calibration)}
    if not isinstance(value, Mapping) or set(value) - {"temperature"} != names:
        found: object = type(value).__name__
        if isinstance(value, Mapping):  # what is too much comes first
            found = sorted(value, key=lambda key: (key in names | {"temperature"}, key))
        raise DataError(explain("calibration", ", ".join(sorted(names)), found, path, remedy))
    try:
        calibration = Calibration(**{name: value[name] for name in names})
    except (EssentiaLdlError, TypeError) as error:
        raise DataError(explain("calibration", "valid fields", error, path, remedy)) from None
    if model and calibration.model != model:
        rule, found = f"the one of the weights {model[:12]}", f"that of {calibration.model[:12] or 'no named weights'}"
        raise DataError(explain("calibration", rule, found, path, remedy))
    if classes is not None and calibration.classes != tuple(classes):
        raise DataError(explain("calibration", f"classes {list(classes)}", list(calibration.classes), path, remedy))
    return calibration
