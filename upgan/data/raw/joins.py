"""Whether tables of a source are about the same things: labels of which none names anything, ratings of nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from upgan.data.raw.source import Notice, RawSource
from upgan.errors import listed, shown

#: From this share of interactions on, ratings of 0 and below are worth a word.
MANY_ZEROS = 0.01


def labels_of_nothing(source: RawSource, labels: pd.DataFrame, name: str) -> Iterator[Notice]:
    """A notice where not one of ``labels`` (id, label) is of an entity, relation or item; ids alike but for case.

    ``name``: of the table, for the sentence.
    """
    if not len(labels):
        return
    triples, links = source.triples, source.links
    columns = [triples["head"], triples["tail"], triples["relation"], source.interactions["item"]]
    columns += [] if links is None else [links["item"], links["entity"]]
    known = pd.Index(pd.concat(columns).unique())
    ids = pd.Series(labels["id"].unique())
    if ids.isin(known).any():
        return
    near = dict(zip(known.str.casefold(), known, strict=True))
    alike = [near[each.casefold()] for each in ids.iloc[:3] if each.casefold() in near]
    hint = f" (there is {listed(alike)})" if alike else f" (there is {listed(map(shown, known[:3]))}, …)"
    text = (
        f"{len(ids):,} {name if name == 'labels' else 'labels of ' + name}, none of an entity: {listed(ids, 3)}{hint}"
    )
    yield Notice("labels-of-nothing", text, len(ids), len(ids), (text,))


def low_ratings(source: RawSource) -> Iterator[Notice]:
    """A notice where many interactions are rated 0 or below, which mostly says "not chosen" or "disliked"."""
    if "rating" not in source.interactions:
        return
    ratings = source.interactions["rating"].to_numpy(dtype=np.float64)
    low, above = int((ratings <= 0).sum()), ratings[ratings > 0]
    if low < MANY_ZEROS * len(ratings) or not low:
        return
    least = f"{above.min():g}" if len(above) else "1"
    negative = int((ratings < 0).sum())
    what = f"have the rating 0 ({negative:,} of them a negative one)" if negative else "have the rating 0"
    text = (
        f'{low:,} of {len(ratings):,} interactions {what}, which mostly says "not chosen", "not rated" or '
        f'"disliked"; they count like all others: --min-rating {least} leaves them out'
    )
    yield Notice("low-ratings", text, low, len(ratings), (text,))
