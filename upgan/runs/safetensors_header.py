"""Whether a file from elsewhere is a well-formed safetensors file, told from its header alone and without torch.

    8 bytes        length N of the header, little-endian
    N bytes        JSON: tensor name -> {"dtype", "shape", "data_offsets": [begin, end]}, and "__metadata__"
    the rest       the tensors' bytes, back to back

A header that is too long, or states shapes and offsets that do not fit the bytes, is refused before anything is
allocated for it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from upgan.errors import RunError

#: A run's tensors need a few kilobytes.
MOST_HEADER = 10_000_000
BYTES_OF = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL"), 1),
}


def check_safetensors(path: Path, called: str | None = None) -> None:
    """Raise RunError, naming the file as ``called``, unless its header describes exactly the bytes it holds."""
    name = called or str(path)
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(MOST_HEADER, size - 8):
            raise RunError(f"{name}: no safetensors file: its header would be {length} bytes long, the file is {size}")
        header = stream.read(length)
    try:
        tensors = json.loads(header.decode("utf-8"))
        tensors.pop("__metadata__", None)
        spans = sorted(_span(value) for value in tensors.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{name}: no safetensors file: its header is not readable ({error})") from None
    end = 0
    for begin, stop, bytes_needed in spans:
        if begin != end or stop - begin != bytes_needed:
            raise RunError(f"{name}: its header states shapes and places that do not fit together")
        end = stop
    if end != size - 8 - length:
        raise RunError(f"{name}: its header describes {end} bytes of tensors, the file holds {size - 8 - length}")


def _span(value: dict[str, Any]) -> tuple[int, int, int]:
    """Where a tensor begins and ends, and the bytes that its shape needs."""
    begin, end = value["data_offsets"]
    shape = value["shape"]
    if not all(type(number) is int and number >= 0 for number in (begin, end, *shape)):
        raise ValueError("sizes and places are whole numbers, not negative")
    return begin, end, BYTES_OF[value["dtype"]] * math.prod(shape)
