"""Make again what is shipped: the runs in checkpoints/demo*, their Table 3 in results/demo, and docs/notebook.ipynb.

    make demo        or        python scripts/make_demo.py [--seed 0]

Five commands, which anybody can type (they are printed): the catalogue is written, three systems are trained on it with
their default settings, seed 0 and one thread, and `upgan reproduce table3` sets them side by side. The same versions on
the same processor give the same weights, byte for byte; only times and dates differ. Everything is made in a folder
beside and moved into its place once all of it is there, without what only going on with a training needs. It takes
some two minutes of a processor.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import run_notebook

from measuring import ROOT, options
from upgan.files import write_json
from upgan.runs.demo import NAME, NOT_SHIPPED, RUNS

#: What a status says of the process that trained, which is nobody's business elsewhere.
OF_THE_PROCESS = ("pid", "process", "heartbeat", "heartbeat_monotonic")
#: Of the table's files: the page of 4 MB, which holds plotly, is drawn again by the app.
TABLE_FILES = ("table3.json", "table3.csv", "table3.md")


def commands(seed: int) -> list[list[str]]:
    """What is typed, in order."""
    data = f"data/{NAME}"
    trained = [
        ["train", data, "--model", model, "--seed", str(seed), "--set", "threads=1", "--run", f"checkpoints/{name}"]
        for name, model in RUNS.items()
    ]
    table = ["reproduce", "table3", "--data", data, "--systems", ",".join(RUNS.values()), "--seeds", str(seed)]
    return [["data", "demo", "--out", data], *trained, [*table, "--out", f"results/{NAME}"]]


def main() -> None:
    """Make, put in place, and run the notebook on it."""
    parser = options(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory(prefix="upgan-demo-") as temporary:
        made = Path(temporary)
        environment["UPGAN_LOCKS"] = str(made / "locks")  # another training on this machine is no reason to end
        for words in commands(given.seed):
            print(f"upgan {shlex.join(words)}", flush=True)
            command = [sys.executable, "-m", "upgan", *words]
            done = subprocess.run(command, cwd=made, env=environment, stdin=subprocess.DEVNULL)
            if done.returncode:
                raise SystemExit(done.returncode)
        for name in RUNS:
            put(made / "checkpoints" / name, ROOT / "checkpoints" / name, *NOT_SHIPPED)
        others = (path.name for path in (made / "results" / NAME).iterdir() if path.name not in TABLE_FILES)
        put(made / "results" / NAME, ROOT / "results" / NAME, *others)
    run_notebook.renew(run_notebook.NOTEBOOK)


def put(source: Path, target: Path, *left_out: str) -> None:
    """A folder in the place of another, without some of its files."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*left_out), copy_function=shutil.copyfile)
    status = target / "status.json"
    if status.is_file():
        kept = {
            key: value
            for key, value in json.loads(status.read_text(encoding="utf-8")).items()
            if key not in OF_THE_PROCESS
        }
        write_json(status, kept)


if __name__ == "__main__":
    main()
