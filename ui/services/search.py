"""Finds entities by a part of their name, or a misspelt one, among 100,000 names within a keystroke.

All names stand in one string, most connected entity first, so that the first hits of a plain text search are already
the best ones and the search can stop there. Where that finds little, each typed word is compared with the vocabulary of
all names, allowing a slip or two.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import OSA

#: What a list of suggestions shows at most.
MOST = 50
#: Similar names are only worth a look where fewer names than this hold what was typed.
FEW = 5
#: A word of fewer letters must be right; up to the second number one slip is allowed, beyond it two.
_NO_SLIP, _ONE_SLIP = 3, 5
#: More words than a name has only cost time.
_WORDS = 12
#: Sorts behind every letter.
_LAST = "\U0010ffff"
#: In place of a number of slips: too many.
_NEVER = np.uint8(255)


@dataclass(frozen=True)
class Suggestions:
    """Entity numbers, best first: names that hold what was typed, and names that nearly do."""

    exact: tuple[int, ...]
    similar: tuple[int, ...]


def normalised(text: str) -> str:
    """Lower case without accents; everything that is neither letter nor digit becomes one space."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(letter if letter.isalnum() else " " for letter in apart if not unicodedata.combining(letter))
    return " ".join(kept.split())


class SearchIndex:
    """Names of a dataset's entities, ready to be searched. Read-only after construction."""

    def __init__(self, ids: Sequence[str], labels: Sequence[str], popularity: Sequence[float]) -> None:
        order = sorted(range(len(ids)), key=lambda number: (-popularity[number], len(labels[number]), number))
        self._order = order
        self._number_of_id = {name: number for number, name in enumerate(ids)}
        lines = [normalised(labels[number]) for number in order]
        self._names = _Lines(lines)
        self._ids = _Lines([" ".join(ids[number].casefold().split()) for number in order])
        self._words = _Vocabulary(lines)

    def suggest(self, text: str, most: int = MOST) -> Suggestions:
        """What to offer for what was typed; similar names only where few names hold it."""
        exact = self.find(text, most)
        if len(exact) >= FEW:
            return Suggestions(tuple(exact), ())
        similar = [number for number in self.similar(text, most) if number not in exact]
        return Suggestions(tuple(exact), tuple(similar[: most - len(exact)]))

    def find(self, text: str, most: int = MOST) -> list[int]:
        """Entity numbers for what was typed: exact names, then beginnings, then word beginnings, then parts.

        Several words must all occur, in any order. An entity id typed in full comes first, ids that begin so last.
        """
        numbers: dict[int, None] = {}
        typed = " ".join(text.split())
        if typed in self._number_of_id:
            numbers[self._number_of_id[typed]] = None
        for line in self._lines(normalised(text), typed.casefold()):
            if len(numbers) >= most:
                break
            numbers[self._order[line]] = None
        return list(numbers)

    def similar(self, text: str, most: int = MOST) -> list[int]:
        """Entity numbers of names whose words, or their beginnings, differ from those typed by a slip or two each."""
        words = normalised(text).split()
        if not words or len(words) > _WORDS:
            return []
        slips = np.zeros(len(self._order), dtype=np.uint8)
        for word in words:
            of_word = self._words.slips(word)
            slips = np.where((of_word == _NEVER) | (slips == _NEVER), _NEVER, slips + of_word).astype(np.uint8)
        near = np.flatnonzero(slips != _NEVER)
        best = near[np.argsort(slips[near], kind="stable")][:most]
        return [self._order[line] for line in best.tolist()]

    def _lines(self, query: str, typed: str) -> Iterator[int]:
        """Lines that hold the query, best first; one may come more than once."""
        if query:
            for pattern, offset in ((f"\n{query}\n", 1), (f"\n{query}", 1), (f" {query}", 1), (query, 0)):
                yield from self._names.holding(pattern, offset)
            words = sorted(query.split(), key=len, reverse=True)
            if len(words) > 1:
                yield from self._names.holding(words[0], 0, words[1:])
        if query and typed:
            yield from self._ids.holding(f"\n{typed}", 1)


class _Lines:
    """Many short texts as one, so that one text search goes through them all."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._text = "\n" + "\n".join(lines) + "\n"
        self._starts = list(accumulate((len(line) + 1 for line in lines), initial=1))

    def holding(self, pattern: str, offset: int, others: Sequence[str] = ()) -> Iterator[int]:
        """Numbers of the lines that hold ``pattern`` (which starts ``offset`` before the part of interest)."""
        position = self._text.find(pattern)
        while position != -1:
            line = bisect_right(self._starts, position + offset) - 1
            end = self._text.index("\n", self._starts[line])
            if all(self._text.find(word, self._starts[line], end) != -1 for word in others):
                yield line
            # Go on at the end of the line: the next hit in it would be the same entity.
            position = self._text.find(pattern, end)


class _Vocabulary:
    """The words of all lines, and in which lines each stands."""

    def __init__(self, lines: Sequence[str]) -> None:
        words = pd.Series(lines, dtype=object).str.split().explode().dropna()
        self._line, self._count = words.index.to_numpy(), len(lines)
        self._word, vocabulary = pd.factorize(words, sort=True)
        self._words: list[str] = vocabulary.tolist()

    def slips(self, word: str) -> npt.NDArray[np.uint8]:
        """(lines,) the fewest slips that turn ``word`` into a word of the line or the beginning of one.

        A slip is a letter too much, too few, wrong, or changed with its neighbour. 255: more than are allowed.
        """
        allowed = 0 if len(word) < _NO_SLIP else 1 if len(word) <= _ONE_SLIP else 2
        fewest = np.full(len(self._words), _NEVER)
        if allowed:
            self._compare(word, len(word), allowed, slice(0, len(self._words)), fewest)
            # Someone still typing has written a beginning: one letter longer or shorter where the slip is one of those.
            # Only for words that begin alike: it would cost three times as much otherwise.
            alike = slice(bisect_left(self._words, word[0]), bisect_right(self._words, word[0] + _LAST))
            self._compare(word, len(word) - 1, allowed, alike, fewest)
            self._compare(word, len(word) + 1, allowed, alike, fewest)
        fewest[bisect_left(self._words, word) : bisect_right(self._words, word + _LAST)] = 0
        slips = np.full(self._count, _NEVER)
        near = np.flatnonzero(fewest[self._word] != _NEVER)
        np.minimum.at(slips, self._line[near], fewest[self._word[near]])
        return slips

    def _compare(self, word: str, length: int, allowed: int, where: slice, fewest: npt.NDArray[np.uint8]) -> None:
        """Lower ``fewest`` to the slips between ``word`` and the first ``length`` letters of the words at ``where``."""
        cut = [other[:length] for other in self._words[where]]
        for _, distance, place in process.extract(word, cut, scorer=OSA.distance, score_cutoff=allowed, limit=None):
            fewest[where.start + place] = min(fewest[where.start + place], distance)
