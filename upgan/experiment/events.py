"""TensorBoard's event files beside metrics.jsonl: the same lines, for the tools people have.

They hold nothing of their own: on resume they are written anew from the lines that are kept, so that a curve never has
a point twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from upgan.runs.history import PLACE_KEYS


class EventLog:
    """One event per line of metrics.jsonl; tags are PHASE/loss and PHASE/valid_mrr, steps are mini-batches.

    The writer below works in the calling thread: a full disk is an error there, where a queue to another thread would
    wait for ever.
    """

    def __init__(self, folder: Path, lines: Iterable[dict[str, Any]] = ()) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._writer = EventsWriter(str(folder / "events"))
        for line in lines:
            self._add(line)
        self._writer.flush()

    def write(self, line: dict[str, Any]) -> None:
        """Add one line, at once on disk."""
        self._add(line)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _add(self, line: dict[str, Any]) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        phase = str(line["phase"]).replace(" ", "_")
        values = {key: value for key, value in line.items() if key not in PLACE_KEYS}
        values |= {f"valid_{key}": value for key, value in line.get("valid", {}).items() if key != "queries"}
        scalars = [
            Summary.Value(tag=f"{phase}/{key.replace('@', '_at_')}", simple_value=value)
            for key, value in values.items()
            if value is not None
        ]
        if scalars:
            when = datetime.fromisoformat(line["t"]).timestamp()
            self._writer.write_event(Event(wall_time=when, step=line["step"], summary=Summary(value=scalars)))
