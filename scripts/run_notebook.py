"""Run a notebook from its first cell to its last, and write down what each cell shows.

    python scripts/run_notebook.py [docs/notebook.ipynb]

A cell that fails ends it, and nothing is written. IPython is there through pyvis; nothing else is needed. Cells run in
the notebook's folder, so that its paths mean what they mean to who opens it.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from measuring import ROOT, options

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def main() -> None:
    """Read the command line."""
    parser = options(__doc__)
    parser.add_argument("notebook", type=Path, nargs="?", default=NOTEBOOK)
    renew(parser.parse_args().notebook)


def renew(path: Path) -> None:
    """Run it, and write it with what its cells show now."""
    document = run(path)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path}: {sum(cell['cell_type'] == 'code' for cell in document['cells'])} cells run", file=sys.stderr)


def run(path: Path) -> dict[str, Any]:
    """The notebook with what its cells show now; whatever a cell raises is raised."""
    from IPython.core.interactiveshell import InteractiveShell

    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    shell = InteractiveShell()
    formatter = shell.display_formatter
    assert formatter is not None
    with contextlib.chdir(path.parent):
        for number, cell in enumerate((cell for cell in document["cells"] if cell["cell_type"] == "code"), start=1):
            with contextlib.redirect_stdout(sys.stderr):  # what IPython itself prints of the last value
                done = shell.run_cell("".join(cell["source"]), store_history=False)
            done.raise_error()
            cell["execution_count"], cell["outputs"] = number, []
            if done.result is not None:
                data, _ = formatter.format(done.result, include=["text/plain", "text/html"])
                shown = {kind: text.splitlines(keepends=True) for kind, text in data.items()}
                cell["outputs"] = [
                    {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": shown}
                ]
    return document


if __name__ == "__main__":
    main()
