"""Small sources of every format, damaged at random."""

from __future__ import annotations

import codecs
import gzip

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.data.sources import PACKINGS, RAW, zipped

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
    """A format's files with one to four changes, one missing or misnamed, packed; and whether bad lines are skipped."""
    name = draw(st.sampled_from(sorted(RAW)))
    files = dict(RAW[name])
    others = [b"", *files.values()]
    for _ in range(draw(st.integers(1, 4))):
        file = draw(st.sampled_from(sorted(files)))
        files[file] = draw(damage(files[file], others))
    if draw(st.integers(0, 9)) == 0 and len(files) > 1:
        content = files.pop(draw(st.sampled_from(sorted(files))))
        if draw(st.booleans()):
            files[draw(st.sampled_from(["x.tsv", "labels.csv", "a.nt", "z.kg", "kg_final.txt", "kinds.txt"]))] = content
    for file in sorted(files):
        if draw(st.integers(0, 6)) == 0:
            files |= draw(packed(file, files.pop(file)))
    if draw(st.integers(0, 6)) == 0:
        chosen = {file: files.pop(file) for file in sorted(files) if draw(st.integers(0, 3))}
        files["all.zip"] = draw(cut_or_whole(zipped(chosen)))
    return name, files, draw(st.booleans())


@st.composite
def packed(draw, file, content):
    """A file as it is called packed, whole or cut off or with a piece of it changed."""
    packing = draw(st.sampled_from(sorted(PACKINGS)))
    ending, pack = PACKINGS[packing]
    if packing == "zip":
        return {f"{file}{ending}": draw(cut_or_whole(zipped({file.rpartition("/")[2]: content})))}
    return {f"{file}{ending}": draw(cut_or_whole(pack(content)))}


@st.composite
def cut_or_whole(draw, content):
    """Packed bytes, in half of all cases as they are."""
    return content if draw(st.booleans()) else draw(damage(content, [content[::-1]]))


def tried(inputs: int) -> settings:
    """So many inputs in one run, new ones each time, and the smallest that fails."""
    return settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
