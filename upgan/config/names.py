"""The models by the names that their papers give them, in the order of the paper's Table 3, later ones behind."""

from __future__ import annotations

#: Key (``--model``) -> name.
MODEL_NAMES = {
    "transe": "TransE",
    "distmult": "DistMult",
    "conve": "ConvE",
    "convtranse": "ConvTransE",
    "rgcn": "R-GCN",
    "kbgan": "KBGAN",
    "cofm": "CoFM",
    "ktup": "KTUP",
    "kgat": "KGAT",
    "upgan": "UPGAN",
    "complex": "ComplEx-N3",
    "rotate": "RotatE",
    "nbfnet": "NBFNet",
    "transh": "TransH",
}
