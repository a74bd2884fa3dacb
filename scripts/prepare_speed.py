"""CPU seconds and peak memory of generating, preparing and loading data, each in a process of its own.

    .venv/bin/python scripts/prepare_speed.py --like book        # raw files of Table 1 size, and their preparation
    .venv/bin/python scripts/prepare_speed.py --source FOLDER    # the preparation of your own raw files

CPU time (user + system) and not the clock's: it tells nothing about what else the machine does. One thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import options

#: Runs a command of upgan, or loads a dataset, and prints CPU seconds and peak resident megabytes.
_CHILD = """
import resource, sys
if sys.argv[1] == "load":
    from upgan.data.dataset import load_dataset
    load_dataset(sys.argv[2])
    code = 0
else:
    from upgan.cli.main import run
    code = run(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(code)
"""


def main() -> None:
    parser = options(__doc__)
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--like", choices=("movie", "music", "book"), help="generate raw files of this Table 1 size")
    asked.add_argument("--source", help="raw files of your own")
    parser.add_argument("--scale", default="1", help="of the generated files")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, out = given.source or f"{folder}/raw", f"{folder}/out"
        print(f"{'step':<12}{'CPU s':>8}{'peak MB':>9}")
        if given.like:
            made = ["data", "synth", "--like", given.like, "--scale", given.scale, "--out"]
            measure("synth", [*made, f"{folder}/prepared"])
            measure("synth --raw", [*made, source, "--raw"])
        measure("prepare", ["data", "prepare", source, "--out", out])
        measure("load", ["load", out])


def measure(step: str, arguments: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        sys.exit(done.stderr)
    seconds, megabytes = map(float, done.stdout.split()[-2:])
    print(f"{step:<12}{seconds:>8.1f}{megabytes:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
