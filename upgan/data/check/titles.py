"""Do the titles of items agree with the names of the entities that they are linked to?

Both are brought to one form (no accents, case, punctuation, article or year) and then compared: equal, or alike by
rapidfuzz, or one inside the other where the shorter has at least two words (a title and its subtitle). How often names
drawn at random would agree is counted beside it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process
from scipy.stats import binomtest

from upgan.data.check.catalogue import Catalogue
from upgan.data.prepare.readable import readable_labels

#: rapidfuzz's scores (0 to 100) from which two titles are alike, and from which one is inside the other.
ALIKE, INSIDE = 85, 95
#: Fewer pairs than this say nothing; the verdict is by the 95% interval of the share that agrees.
LEAST = 20
FINE, WRONG = 0.6, 0.4
_ARTICLES = r"the|a|an|le|la|les|l|un|une|der|die|das|el|los|las|il|lo|gli|i|o|os|as|de|het"


@dataclass(frozen=True)
class TitleAgreement:
    """Share of the linked items whose title is their entity's name."""

    verdict: Literal["fine", "wrong", "doubtful", "cannot tell"]
    reason: str
    compared: int
    agree: int
    share: float | None
    low: float | None
    high: float | None
    #: Share that would agree with the names drawn at random.
    by_chance: float | None
    #: item, title, entity, name of pairs that do not agree, the least alike first.
    disagreeing: tuple[tuple[str, str, str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        keys = ("item", "title", "entity", "name")
        return {**asdict(self), "disagreeing": [dict(zip(keys, row, strict=True)) for row in self.disagreeing]}


def compare_titles(catalogue: Catalogue, names: pd.DataFrame, limit: int, seed: int) -> TitleAgreement | None:
    """Titles of items against ``names`` (id, label) given beside the source, or else the source's own names.

    None where there are no titles, or no names that are not made of the titles.
    """
    pairs = _pairs(catalogue, names)
    if pairs is None:
        return None
    if pairs["same_source"].iloc[0]:
        reason = "every name is exactly its item's title: they come from one list and prove nothing"
        return TitleAgreement("cannot tell", reason, len(pairs), len(pairs), None, None, None, None, ())
    title, name = normalised(pairs["title"]), normalised(pairs["name"])
    # What stands in brackets may be the better known title: Seven (Se7en).
    aside, other = _in_brackets(pairs["title"]), _in_brackets(pairs["name"])
    agrees = _alike(title, name) | _alike(aside, name) | _alike(title, other)
    drawn = np.random.default_rng(seed).permutation(len(pairs))
    chance = _alike(title, name[drawn]) | _alike(aside, name[drawn]) | _alike(title, other[drawn])
    low, high = binomtest(int(agrees.sum()), len(pairs)).proportion_ci(method="wilson")
    wrong = pairs[~agrees].assign(likeness=_likeness(title[~agrees], name[~agrees])).sort_values("likeness")
    rows = wrong[["item", "title", "entity", "name"]].head(limit).itertuples(index=False, name=None)
    said = f"{agrees.sum():,} of {len(pairs):,} linked items with a title have it as their entity's name"
    return TitleAgreement(
        verdict=_verdict(len(pairs), low, high),
        reason=said if len(pairs) >= LEAST else f"{said}; fewer than {LEAST} say nothing",
        compared=len(pairs),
        agree=int(agrees.sum()),
        share=round(float(agrees.mean()), 4),
        low=round(low, 4),
        high=round(high, 4),
        by_chance=round(float(chance.mean()), 4),
        disagreeing=tuple(rows),
    )


def normalised(texts: pd.Series) -> np.ndarray:
    """Titles as plain words: "Misérables, Les (1995)" -> "miserables", object array."""
    plain = texts.astype(str).str.normalize("NFKD").str.replace(r"[̀-ͯ]", "", regex=True)
    plain = plain.map(_romanised).str.casefold().str.replace("&", " and ", regex=False)
    plain = plain.str.replace(r"\([^)]*\)|\[[^\]]*\]", " ", regex=True).str.strip()
    plain = plain.str.replace(rf",\s*(?:{_ARTICLES})\b'?$", "", regex=True)
    plain = plain.str.replace(rf"^(?:{_ARTICLES})(?:\s+|')(?=\S)", "", regex=True)
    plain = plain.str.replace(r"['’`.*]", "", regex=True).str.replace(r"[^\w]+|_", " ", regex=True)
    return np.asarray(plain.str.replace(r"\s+(?:18|19|20)\d\d$", "", regex=True).str.strip(), dtype=object)


def _in_brackets(texts: pd.Series) -> np.ndarray:
    """The first words in brackets, normalised, or ""; a year is none."""
    return normalised(texts.str.extract(r"\(([^)]*[^\W\d][^)]*)\)", expand=False).fillna(""))


def _romanised(text: str) -> str:
    """Letters that have no accent to lose: ø, ß, æ and the like."""
    if text.isascii():
        return text
    return "".join(_LETTERS.get(letter, letter) for letter in unicodedata.normalize("NFC", text))


_LETTERS = dict(zip("øØłŁđĐðÐıħ", "oOlLdDdDih", strict=True)) | {"æ": "ae", "Æ": "AE", "œ": "oe", "þ": "th", "ß": "ss"}


def _pairs(catalogue: Catalogue, names: pd.DataFrame) -> pd.DataFrame | None:
    """item, title, entity, name, same_source of the linked items that have both; None where there are none."""
    linked = catalogue.entity_of_item >= 0
    pairs = pd.DataFrame(
        {"item": catalogue.items[linked], "entity": catalogue.entities[catalogue.entity_of_item[linked]]}
    )
    if catalogue.links is None:
        # The items' own labels are the titles, and names are only what was given beside them.
        titles = catalogue.labels.set_axis(["item", "title"], axis=1)
    else:
        titles = catalogue.titles
        names = pd.concat([_own_names(catalogue, pairs), names], ignore_index=True)
    titles, names = titles.drop_duplicates("item", keep="last"), names.drop_duplicates("id", keep="last")
    pairs = pairs.merge(titles, on="item").merge(names.set_axis(["entity", "name"], axis=1), on="entity")
    pairs = pairs[(pairs["title"] != "") & (pairs["name"] != "")].reset_index(drop=True)
    if not len(pairs):
        return None
    return pairs.assign(same_source=bool((pairs["title"] == pairs["name"]).all()) and len(pairs) > 1)


def _own_names(catalogue: Catalogue, pairs: pd.DataFrame) -> pd.DataFrame:
    """Names in the source that do not come from the titles: labels of entities, or what their URIs say."""
    read = pd.DataFrame({"id": pairs["entity"], "label": readable_labels(pairs["entity"])})
    read = read[read["id"] != read["label"]]
    own = catalogue.labels[catalogue.labels["id"].isin(pairs["entity"])]
    made = pairs.merge(catalogue.titles, on="item").drop_duplicates("entity")
    both = made.merge(own, left_on="entity", right_on="id")
    from_titles = bool(len(both)) and bool((both["title"] == both["label"]).all())
    return pd.concat([read, own.iloc[:0] if from_titles else own], ignore_index=True)


def _alike(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Which pairs agree, bool; an empty text agrees with nothing."""
    words = np.minimum(_words(left), _words(right))
    inside = process.cpdist(left, right, scorer=fuzz.token_set_ratio, score_cutoff=INSIDE) > 0
    same = np.equal(left, right).astype(bool)
    agrees: np.ndarray = (words > 0) & (same | (_likeness(left, right) >= ALIKE) | (inside & (words >= 2)))
    return agrees


def _likeness(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.asarray(process.cpdist(left, right, scorer=fuzz.token_sort_ratio))


def _words(texts: np.ndarray) -> np.ndarray:
    """Number of words of each text."""
    return np.asarray(pd.Series(texts, dtype=str).str.count(r"\S+"))


def _verdict(count: int, low: float, high: float) -> Literal["fine", "wrong", "doubtful", "cannot tell"]:
    if count < LEAST:
        return "cannot tell"
    return "fine" if low > FINE else "wrong" if high < WRONG else "doubtful"
