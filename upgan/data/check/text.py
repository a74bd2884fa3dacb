"""Checks of how ids and labels are spelled: broken encodings, invisible characters, spellings that collide."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.check.catalogue import Catalogue
from upgan.data.check.report import Finding, finding
from upgan.data.raw.text_stream import as_mask

#: UTF-8 read as Latin-1 or Windows-1252 and saved again: a lead byte shown as a letter, then a continuation byte.
_MOJIBAKE = r"[ÂÃ][\x{0080}-\x{00BF}ŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™]|â€|ï»¿|ðŸ"
_CONTROL = r"[\x{0000}-\x{001F}\x{007F}-\x{009F}\x{200B}\x{FEFF}]"
_PERCENT = r"%[0-9A-Fa-f]{2}"
#: Accents of decomposed letters, and white space.
_BESIDE_LETTERS = r"[\x{0300}-\x{036F}\s]+"
_EDGES = r"^[\s\x{00A0}\x{3000}]|[\s\x{00A0}\x{3000}]$"


def spelling(catalogue: Catalogue, limit: int) -> list[Finding]:
    """Every rule over all ids and labels, then ids that differ only in their spelling."""
    texts = {
        "entity": catalogue.entities,
        "relation": catalogue.relations,
        "user": catalogue.users,
        "item": catalogue.items if catalogue.links is not None else np.zeros(0, dtype=object),
        "label": catalogue.labels["label"].unique(),
    }
    arrays = {what: pa.array(values, type=pa.large_string()) for what, values in texts.items()}
    findings = [_apply(code, find, arrays, limit) for code, find in _RULES.items()]
    return [*findings, _percent(arrays["entity"], limit), *_collisions(arrays, limit), _addresses(catalogue, limit)]


def _apply(code: str, find: Callable[[pa.Array], np.ndarray], arrays: dict[str, pa.Array], limit: int) -> Finding:
    """Look for one property of a text in all ids and labels."""
    examples: list[str] = []
    by_kind = {}
    for what, values in arrays.items():
        wrong = find(values)
        if wrong.any():
            by_kind[what] = int(wrong.sum())
            texts = values.filter(pa.array(wrong)).slice(0, limit).to_pylist()
            examples += [f"{what} {_shown(text)}" for text in texts]
    return finding(code, sum(by_kind.values()), examples=examples[:limit], details={"by_kind": by_kind})


def _matching(pattern: str) -> Callable[[pa.Array], np.ndarray]:
    def find(values: pa.Array) -> np.ndarray:
        return as_mask(pc.match_substring_regex(values, pattern))

    return find


def _broken(values: pa.Array) -> np.ndarray:
    """Mojibake: looks like it, and read back the other way it is proper UTF-8; or a character that was lost."""
    suspects = as_mask(pc.match_substring_regex(values, _MOJIBAKE))
    places = np.flatnonzero(suspects)
    repaired = [_repairable(text) for text in values.take(pa.array(places)).to_pylist()]
    suspects[places] = np.array(repaired, dtype=bool)
    lost = as_mask(pc.match_substring(values, "\N{REPLACEMENT CHARACTER}"))
    return np.asarray(suspects | lost)


def _repairable(text: str) -> bool:
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8") != text
        except UnicodeError:
            continue
    # Part of the text is right and part is not: "â€" in the middle of Cyrillic, say.
    return "â€" in text or "ï»¿" in text


def _unnormalised(values: pa.Array) -> np.ndarray:
    return as_mask(pc.not_equal(pc.utf8_normalize(values, "NFC"), values))


#: Code of a finding -> which texts it is about.
_RULES = {
    "mojibake": _broken,
    "control-characters": _matching(_CONTROL),
    "surrounding-whitespace": _matching(_EDGES),
    "not-normalised": _unnormalised,
}


def _percent(entities: pa.Array, limit: int) -> Finding:
    """Percent-encoded ids, and those whose decoded form is an id of its own."""
    encoded = entities.filter(pc.match_substring_regex(entities, _PERCENT))
    plain = pd.Series(encoded.to_pylist(), dtype=object).map(unquote)
    twice = plain.isin(entities.to_pylist()) if len(plain) else pd.Series([], dtype=bool)
    both = [
        f"{_shown(text)} and {_shown(plain.iloc[n])}" for n, text in enumerate(encoded.to_pylist()) if twice.iloc[n]
    ]
    return finding(
        "percent-encoded",
        len(encoded),
        total=len(entities),
        examples=[*both, *map(_shown, encoded.slice(0, limit).to_pylist())][:limit],
        details={"also_decoded": len(both)},
        severity="warning" if both else None,
        variant="both" if both else "encoded",
        both=len(both),
    )


def _collisions(arrays: dict[str, pa.Array], limit: int) -> list[Finding]:
    """Ids, and labels, that are the same but for case, accents, white space or Unicode form."""
    return [
        _alike("near-identical-ids", {what: arrays[what] for what in ("entity", "relation", "user", "item")}, limit),
        _alike("near-identical-labels", {"label": arrays["label"]}, limit),
    ]


def _alike(code: str, arrays: dict[str, pa.Array], limit: int) -> Finding:
    groups: list[str] = []
    by_kind = {}
    for what, values in arrays.items():
        plain = pc.replace_substring_regex(pc.utf8_lower(pc.utf8_normalize(values, "NFKD")), _BESIDE_LETTERS, "")
        key = pd.Series(plain.to_pandas())
        # What is made of accents or spaces alone is no spelling of another.
        alike = key.duplicated(keep=False) & (key != "")
        if alike.any():
            ids = pd.Series(values.to_pylist(), dtype=object)[alike]
            joined = ids.map(_shown).groupby(key[alike], sort=True).agg(" | ".join)
            by_kind[what] = len(joined)
            groups += [f"{what}: {names}" for names in joined.head(limit)]
    return finding(code, sum(by_kind.values()), examples=groups[:limit], details={"by_kind": by_kind})


def _addresses(catalogue: Catalogue, limit: int) -> Finding:
    """Web pages among entities named otherwise; where most ids are URIs, a URI is an id."""
    values = pa.array(catalogue.entities, type=pa.large_string())
    is_address = as_mask(pc.match_substring_regex(values, r"^<?(?:https?|ftp)://"))
    count = int(is_address.sum()) if is_address.sum() * 2 < len(is_address) else 0
    return finding(
        "url-entities", count, total=len(is_address), examples=catalogue.entities[is_address][:limit].tolist()
    )


def _shown(text: str) -> str:
    """Invisible characters made visible."""
    return text if text.isprintable() and text == text.strip() else repr(text)
