"""Predictions as a parquet file, through pyarrow. In: `Prediction` records; out: the columns of the csv, as numbers.

The notes are always there, and probabilities keep all digits of float32.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, BinaryIO

from essentia_ldl.models.folder import Model
from essentia_ldl.predict.ask import Question, segment_times
from essentia_ldl.predict.kinds import describe_uncertainty
from essentia_ldl.predict.write import find_label, name_columns
from essentia_ldl.records import Prediction

N_ROWS = 65536  # of a row group, which is what is in memory
TEXTS = ("path", "model", "class", "label", "precision", "notes")


class ParquetWriter:
    """Write predictions as they come; `close` ends the document.

    Parameters
    ----------
    stream : BinaryIO
        Where the bytes go.
    models : sequence of Model
        For the times of segments and the kind of output.
    question : Question
        Which of the details are wanted: every patch, entropies, a label.
    """

    def __init__(self, stream: BinaryIO, models: Sequence[Model], question: Question) -> None:
        import pyarrow
        from pyarrow import parquet

        self._question = dataclasses.replace(question, notes=True)
        self._models = {model.name: model for model in models}
        kinds = {"probability": pyarrow.float32(), **dict.fromkeys(TEXTS, pyarrow.string())}
        names = name_columns(self._question)
        self._schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in names])
        self._columns: dict[str, list[Any]] = {name: [] for name in names}
        self._writer = parquet.ParquetWriter(stream, self._schema)

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Write the predictions of one file."""
        for prediction in predictions:
            self._add_rows(prediction)
        if len(self._columns["path"]) >= N_ROWS:
            self._flush()

    def close(self) -> None:
        """End the document."""
        self._flush()
        self._writer.close()

    def _add_rows(self, prediction: Prediction) -> None:
        question, classes = self._question, prediction.classes
        rows, times = prediction.probabilities[None], None
        if question.segments:
            rows = prediction.segments
            times = segment_times(self._models[prediction.model], len(rows), question.patch_hop_frames)
        fixed: dict[str, Any] = {
            "path": os.fsencode(prediction.path).decode("utf-8", "backslashreplace"),
            "model": prediction.model,
            "label": find_label(prediction, self._models, question),
            "precision": question.precision,
            "notes": "; ".join(prediction.notes),
        }
        card = self._models[prediction.model].card
        fixed.update(describe_uncertainty(prediction, card) if question.uncertainty else {})
        n_rows = rows.size
        for name, column in self._columns.items():
            if name == "class":
                column.extend(classes * len(rows))
            elif name == "probability":
                column.extend(rows.ravel().tolist())
            elif times is not None and name in ("start_s", "end_s"):
                column.extend(time[name == "end_s"] for time in times for _ in classes)
            else:
                column.extend([fixed[name]] * n_rows)

    def _flush(self) -> None:
        import pyarrow

        if self._columns["path"]:
            self._writer.write_table(pyarrow.table(self._columns, schema=self._schema))
            for column in self._columns.values():
                column.clear()
