"""What the build adds to the wheel: what a checkout has outside its packages. All else: pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
#: In the checkout -> in the wheel. They stand in the repository once; upgan.runs.demo and `upgan app` know both places.
ADDED = {
    **{
        f"checkpoints/{name}": f"upgan/runs/shipped/checkpoints/{name}"
        for name in ("demo", "demo-complex", "demo-distmult")
    },
    "results/demo": "upgan/runs/shipped/results/demo",
    ".streamlit": "ui/.streamlit",
}
#: What resuming needs may lie beside the demo's runs, and secrets beside the app's settings.
LEFT_OUT = shutil.ignore_patterns("resume*", ".*", "secrets.toml")


class BuildWithAdded(build_py):
    """The packages, and ``ADDED`` within them; an editable install reads those from the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for source, target in ADDED.items():
            shutil.copytree(ROOT / source, Path(self.build_lib) / target, ignore=LEFT_OUT, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithAdded})
