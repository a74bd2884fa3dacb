"""What each preset changes of the default settings (see upgan.config.settings for what every setting means)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: What a training starts from where no preset is named.
DEFAULT = "quality"

#: "paper" is the printed form with 5.2.3's settings, and what it leaves open tuned on validation.
#: "quality" is the best form known here, tuned on the validation splits of book, music and movie data.
#: "demo" is the paper's form, smaller: it trains within a minute on the embedded catalogue, and drops items so that the
#: readers' half of the query learns to answer by itself.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "initialisation.optimizer": "adagrad",
        "initialisation.lr": 0.1,
        "initialisation.l2": 0.0,
        "initialisation.n3": 0.1,
        "initialisation.epochs": 100,
        "pretrain.lr": 0.0003,
        "pretrain.n3": 0.1,
        "pretrain.eval_every": 1,
    },
    "quality": {
        "threads": 2,  # the large matrix products gain nearly their number; the result depends on it in the last digits
        "model.product": "complex",
        "model.score": "bilinear",
        "model.co_interaction.most_items": 1000,  # no user of the data it was tuned on has more
        "initialisation.optimizer": "adagrad",
        "initialisation.loss": "cross_entropy",
        "initialisation.lr": 0.1,
        "initialisation.l2": 0.0,
        "initialisation.n3": 0.1,
        "initialisation.scale": 0.01,
        "initialisation.epochs": 60,
        "initialisation.eval_every": 3,
        "initialisation.patience": 3,
        "initialisation.relax_epochs": 18,
        "pretrain.batch_by": "queries",
        "pretrain.batch": 1024,
        "pretrain.loss": "cross_entropy",
        "pretrain.optimizer": "adagrad",
        "pretrain.lr": 0.1,
        "pretrain.l2": 0.0,
        "pretrain.n3": 0.1,
        "pretrain.clip": 100.0,
        "pretrain.epochs": 18,
        "pretrain.eval_every": 3,
        "pretrain.patience": 3,
        "pretrain.relax_epochs": 9,
        "adversarial.epochs": 2,
        "adversarial.patience": 1,
        "adversarial.l2": 0.0,
        "fusion.enabled": True,
        "walks.enabled": True,
    },
    "demo": {
        "threads": 1,  # small matrices gain nothing from more, and the result does not depend on the machine's cores
        "model.dim": 48,
        "model.item_dropout": 0.5,
        "model.preference_init": 1.0,
        "model.propagation.activation": "none",
        "pretrain.epochs": 50,
        "pretrain.batch": 512,
        "pretrain.lr": 0.003,
        "pretrain.l2": 3e-4,
        "pretrain.patience": 6,
        "adversarial.epochs": 3,
        "adversarial.batch": 1024,
        "adversarial.n_c": 512,
        "adversarial.n_g": 64,
        "adversarial.l2": 3e-4,
    },
}

#: What ``upgan reproduce --search`` may change of UPGAN; upgan.config.systems.base.Registered says what it means. The
#: presets differ in their losses and optimisers, so each has a space of its own.
SEARCH: dict[str, Mapping[str, Mapping[str, Sequence[Any]]]] = {
    "quality": {
        "initialisation.n3": {"log": (0.03, 0.3)},
        "pretrain.lr": {"log": (0.03, 0.3)},
        "pretrain.n3": {"log": (0.03, 0.3)},
        "model.co_interaction.power": {"range": (1.0, 6.0)},
        "adversarial.lr": {"log": (1e-05, 0.001)},
    },
    "paper": {
        "initialisation.n3": {"log": (0.01, 0.5)},
        "pretrain.lr": {"log": (3e-05, 0.003)},
        "pretrain.n3": {"log": (0.01, 0.5)},
        "model.preference_init": {"range": (0.0, 1.0)},
        "adversarial.lr": {"log": (1e-05, 0.001)},
    },
    "demo": {
        "initialisation.lr": {"log": (0.001, 0.03)},
        "pretrain.lr": {"log": (0.0003, 0.03)},
        "pretrain.l2": {"log": (1e-05, 0.01)},
        "model.preference_init": {"range": (0.0, 1.0)},
        "model.item_dropout": {"range": (0.0, 0.7)},
    },
}
