"""The embedded catalogue as a shop would export it: python scripts/demo_export.py FOLDER

FOLDER/books.csv has a row for each book and a column for each relation, FOLDER/readers.csv who read what. The books are
real, the readers are SIMULATED. What the demo holds out (upgan/data/demo/demo.py) is left out here, too: these are the
gaps that the tutorial fills, and the answers to them are known.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from measuring import options
from upgan.data.demo.demo import BOOK_RELATIONS, write_demo


def main() -> None:
    """Write both tables."""
    parser = options(__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        data = write_demo(Path(work) / "demo")
    labels = pd.Series(data.entity_labels, index=data.entities)
    facts = pd.DataFrame(data.train, columns=["head", "relation", "tail"])
    facts = facts.assign(
        head=[data.entities[number] for number in facts["head"]],
        relation=[data.relations[number] for number in facts["relation"]],
        tail=[data.entity_labels[number] for number in facts["tail"]],
    )
    cells = facts.groupby(["head", "relation"])["tail"].agg("|".join).unstack(fill_value="")
    books = [name for name, kind in zip(data.entities, data.entity_kinds, strict=True) if kind == "book"]
    table = cells.reindex(books, columns=list(dict.fromkeys(BOOK_RELATIONS.values())), fill_value="").fillna("")
    table.insert(0, "title", labels[books])
    table.rename_axis("id").reset_index().to_csv(folder / "books.csv", index=False)
    users, items = data.interactions.T.tolist()
    pairs = {"reader": [data.users[user] for user in users], "id": [data.entities[item] for item in items]}
    pd.DataFrame(pairs).to_csv(folder / "readers.csv", index=False)
    print(f"{folder / 'books.csv'}: {len(table):,} books")
    print(f"{folder / 'readers.csv'}: {len(users):,} rows, simulated")


if __name__ == "__main__":
    main()
