"""Fuzzing of all readers: small sources of every format, damaged at random, never do more than be refused.

Whatever lies in the files, `data prepare` either writes a dataset that loads, or raises one of the package's own errors
with a message, and then leaves nothing behind. `make test` tries a few hundred inputs. A long run, which takes only
every eighth input further than reading:

    UPGAN_FUZZ=50000 .venv/bin/python -m pytest -m slow tests/data/test_fuzz_readers.py -s
"""

from __future__ import annotations

import codecs
import gzip
import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.data.sources import FORMATS, write_source
from upgan.data.dataset import load_dataset
from upgan.data.formats import read_sources
from upgan.data.prepare import PrepareSettings, prepare
from upgan.data.text_stream import ReadOptions
from upgan.errors import InputError

LOOSE = PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0))
SEPARATORS = [b"\t", b",", b";", b" ", b"::", b"|", b"\t\t"]
#: Bytes that readers have stumbled over: control characters, other encodings, quotes, numbers out of bounds, markup.
PIECES = [
    *(b"\0", b"\r", b"\n", b"\n\n", b"\r\r\n", b"\t", b'"', b'""', b"'", b"\\", b"<", b">", b"_:", b"#", b"@en", b"^^"),
    *(b"\xff", b"\xc3", b"\xe9", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8"),
    *(
        codecs.BOM_UTF8,
        codecs.BOM_UTF16_LE,
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"%00",
        b"%ff",
        b"\\u0000",
        b"\\uD800",
        b"\\U00110000",
    ),
    *(
        b"9" * 30,
        b"-1",
        b"1e999",
        b"nan",
        b"inf",
        b"0x10",
        b"1_000",
        b"\xd9\xa1",
        b"1.0",
        b"",
        b" ",
        b"\xc2\xa0",
        b"NA",
        b"null",
    ),
    *(
        b"../../etc/passwd",
        b"/dev/zero",
        b"head",
        b"user_id:token",
        b"org_id remap_id",
        b"x" * 5000,
        b"a\tb\tc\td\te\tf",
    ),
]


@st.composite
def damage(draw, content, others):
    """One change of a file's bytes; ``others`` are those of the other files."""
    place = draw(st.integers(0, len(content)))
    end = min(len(content), place + draw(st.integers(0, 20)))
    lines = content.splitlines(keepends=True)
    kind = draw(st.integers(0, 13))
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + content[end:]
    if kind in (2, 3):
        return content[:place] + draw(st.sampled_from(PIECES)) + content[place:]
    if kind == 4:
        return content[:place] + draw(st.binary(max_size=12)) + content[end:]
    if kind == 5:
        return content.replace(draw(st.sampled_from(SEPARATORS[:4])), draw(st.sampled_from(SEPARATORS)))
    if kind == 6:
        return content.replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r", b"\n\r", b"\n\n", b""])))
    if kind == 7:
        encoding = draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "utf-7", "cp500"]))
        return content.decode("utf-8", "replace").encode(encoding, "replace")
    if kind == 8:
        return b"".join(draw(st.permutations(lines)))
    if kind == 9:
        return b"".join(lines[:1] * draw(st.integers(0, 3)) + lines[1:])
    if kind == 10:
        # Columns in another order, in every line or from some line on.
        start, separator = draw(st.integers(0, len(lines))), draw(st.sampled_from(SEPARATORS[:4]))
        return b"".join(
            separator.join(line.rstrip(b"\r\n").split(separator)[::-1]) + b"\n" if row >= start else line
            for row, line in enumerate(lines)
        )
    if kind == 11:
        packed = gzip.compress(content, mtime=0)
        return packed[: draw(st.integers(0, len(packed)))] if draw(st.booleans()) else packed
    if kind == 12:
        return draw(st.sampled_from(others))
    return draw(st.sampled_from(PIECES)).join([content, content])


@st.composite
def sources(draw) -> tuple[str, dict[str, bytes], bool]:
    """A format's files with one to four changes, or with one missing or misnamed; and whether bad lines are skipped."""
    name = draw(st.sampled_from(sorted(FORMATS)))
    files = {file: text.encode("utf-8") for file, text in FORMATS[name].items()}
    others = [b"", *files.values()]
    for _ in range(draw(st.integers(1, 4))):
        file = draw(st.sampled_from(sorted(files)))
        files[file] = draw(damage(files[file], others))
    if draw(st.integers(0, 9)) == 0 and len(files) > 1:
        content = files.pop(draw(st.sampled_from(sorted(files))))
        if draw(st.booleans()):
            files[draw(st.sampled_from(["x.tsv", "labels.csv", "a.nt", "z.kg", "kg_final.txt", "kinds.txt.gz"]))] = (
                content
            )
    return name, files, draw(st.booleans())


def outcome(name: str, files: dict[str, bytes], skip: bool, whole: bool = True) -> str:
    """ "accepted" or "refused"; anything else that happens is a failure of the test.

    ``whole``: go on from what was read to a dataset on disk, which takes four times as long as reading.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, work = Path(scratch) / "source", Path(scratch) / "work"
        write_source(source, {file: content for file, content in files.items() if not file.endswith(".gz")})
        for file, content in files.items():
            if file.endswith(".gz"):
                (source / file).write_bytes(content)
        work.mkdir()
        chosen = "tsv" if name == "csv" else name
        try:
            raw = read_sources([source], format=chosen, options=ReadOptions(skip_bad_lines=skip))
            if not whole:
                return "accepted"
            written = prepare(raw, work / "out", LOOSE)
        except InputError as error:
            message = str(error)
            assert message, "an error without a message"
            assert len(message) < 3000, f"a message of {len(message)} characters"
            assert "\0" not in message
            assert list(work.iterdir()) == [], "something half-written was left"
            return "refused"
        assert [path.name for path in work.iterdir()] == ["out"]
        assert load_dataset(work / "out").fingerprint == written.fingerprint
        return "accepted"


def fuzz(inputs: int, whole_every: int = 1) -> Counter[str]:
    """Try so many inputs, every so many of them up to a dataset on disk; what became of them, by format."""
    seen: Counter[str] = Counter()

    @given(sources())
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(source):
        name, files, skip = source
        seen[f"{name} {outcome(name, files, skip, whole=seen.total() % whole_every == 0)}"] += 1

    attempt()
    return seen


def test_no_damaged_source_does_more_than_be_refused():
    seen = fuzz(300)
    # Damage that is always refused, or never, would test little.
    for name in FORMATS:
        assert seen[f"{name} refused"] + seen[f"{name} accepted"] > 0
    assert sum(count for key, count in seen.items() if key.endswith("refused")) > 50
    assert sum(count for key, count in seen.items() if key.endswith("accepted")) > 50


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_sources():
    inputs = int(os.environ.get("UPGAN_FUZZ", "5000"))
    seen: Counter[str] = Counter()
    while seen.total() < inputs:
        seen += fuzz(min(500, inputs - seen.total()), whole_every=8)
        outcomes = ", ".join(f"{key} {count}" for key, count in sorted(seen.items()))
        print(f"\n{seen.total()} inputs: {outcomes}", flush=True)
