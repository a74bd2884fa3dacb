"""Finds entities by a part of their name, among 100,000 names within a keystroke.

All names stand in one string, most connected entity first, so that the first hits of a plain text search are already
the best ones and the search can stop there.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence

#: What a list of suggestions shows at most.
MOST = 50


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
        self._text = "\n" + "\n".join(lines) + "\n"
        self._starts: list[int] = []
        position = 1
        for line in lines:
            self._starts.append(position)
            position += len(line) + 1

    def find(self, text: str, most: int = MOST) -> list[int]:
        """Entity numbers for what was typed: exact names, then beginnings, then word beginnings, then parts.

        Several words must all occur, in any order. An entity id typed in full comes first.
        """
        found: dict[int, None] = {}
        if text.strip() in self._number_of_id:
            found[self._number_of_id[text.strip()]] = None
        query = normalised(text)
        if not query:
            return list(found)
        for pattern, offset in ((f"\n{query}\n", 1), (f"\n{query}", 1), (f" {query}", 1), (query, 0)):
            for number in self._lines_with(pattern, offset):
                found[number] = None
                if len(found) >= most:
                    return list(found)
        words = sorted(query.split(), key=len, reverse=True)
        if len(words) > 1:
            for number in self._lines_with(words[0], 0, words[1:]):
                found[number] = None
                if len(found) >= most:
                    break
        return list(found)

    def _lines_with(self, pattern: str, offset: int, others: Sequence[str] = ()) -> Iterator[int]:
        """Numbers of the lines that hold ``pattern`` (which starts ``offset`` before the part of interest)."""
        position = self._text.find(pattern)
        while position != -1:
            line = bisect_right(self._starts, position + offset) - 1
            end = self._text.index("\n", self._starts[line])
            if all(self._text.find(word, self._starts[line], end) != -1 for word in others):
                yield self._order[line]
            # Go on at the end of the line: the next hit in it would be the same entity.
            position = self._text.find(pattern, end)
