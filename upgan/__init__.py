"""Knowledge-graph completion that listens to users: UPGAN (He et al., WWW 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upgan.version import __version__

__all__ = ["__version__", "compare", "load", "load_dataset"]

if TYPE_CHECKING:
    from upgan.data.dataset import load_dataset
    from upgan.predict.comparison import compare
    from upgan.predict.predictor import load


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `import upgan` and `upgan --help` do not wait for torch.
    if name == "load":
        from upgan.predict.predictor import load

        return load
    if name == "compare":
        from upgan.predict.comparison import compare

        return compare
    if name == "load_dataset":
        from upgan.data.dataset import load_dataset

        return load_dataset
    raise AttributeError(f"module 'upgan' has no attribute {name!r}")


def __dir__() -> list[str]:
    # What is looked up on first use is there for whoever looks around, and for completion.
    return sorted({*globals(), *__all__})
