"""What a catalogue lacks that a training or its measurement needs: users, validation triples, test triples."""

from __future__ import annotations

from upgan.data.raw.source import Notice

_WORDS = {
    "no-users": (
        "no users: the dataset has no interactions, so no model can learn from users; if there are some, look at the "
        "files that were not read"
    ),
    "no-validation": (
        "no validation triples: training cannot tell which epoch was best; name a file valid.tsv, or give all triples "
        "in one file (triples.tsv) so that the split is drawn"
    ),
    "no-test": (
        "no test triples: nothing can be measured; name a file test.tsv, or give all triples in one file (triples.tsv) "
        "so that the split is drawn"
    ),
}


def lacking(*, users: int, valid: int, test: int) -> list[Notice]:
    """What is missing, by the numbers of users and of triples."""
    missing = [code for code, count in (("no-users", users), ("no-validation", valid), ("no-test", test)) if not count]
    return [Notice(code, _WORDS[code], 1, examples=()) for code in missing]
