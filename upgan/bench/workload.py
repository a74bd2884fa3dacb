"""What is measured: a dataset, the models of a preset with random weights, and single steps of each phase."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from upgan.config.phases import planned_phases
from upgan.config.settings import Config, make_config
from upgan.data.dataset import KGDataset, copy_dataset, load_dataset
from upgan.data.demo.demo import write_demo
from upgan.data.synth.generate import generate
from upgan.errors import ConfigError
from upgan.evaluation.evaluator import Evaluator
from upgan.experiment.inputs import Prepared, prepare_training
from upgan.experiment.players import Players
from upgan.model.base import FullScorer
from upgan.model.factorisation import Factorisation
from upgan.model.guided import AnyDiscriminator
from upgan.objectives.batches import Sampler
from upgan.predict.predictor import Predictor, load
from upgan.training.adversarial import AdversarialTrainer
from upgan.training.checkpoint import save_weights, seal_run, start_run
from upgan.training.loop import Context, Reporter, run_phase
from upgan.training.state import TrainingState

SYNTHETIC = ("book", "movie", "music")


class EnoughError(Exception):
    """Ends a phase once its first steps are done."""


class FirstStep(Reporter):
    """A reporter that ends the phase after a step."""

    def step(self, phase: str, epoch: int, done: int, total: int) -> None:
        raise EnoughError


def open_dataset(name: str, seed: int) -> KGDataset:
    """ "demo", "synth:book" (movie, music), "synth:book@0.1" (a tenth of it), or a prepared dataset's folder.

    Raises ConfigError or DataError where there is no such dataset.
    """
    if name == "demo":
        with TemporaryDirectory(prefix="upgan-bench-") as folder:
            return write_demo(Path(folder) / "demo", seed)
    if not name.startswith("synth:"):
        return load_dataset(name)
    like, _, scale = name.removeprefix("synth:").partition("@")
    if like not in SYNTHETIC:
        raise ConfigError(f"--data {name}: after synth: comes one of {', '.join(SYNTHETIC)}, if need be with @SCALE")
    try:
        return generate(like, float(scale or 1), seed)
    except ValueError:
        raise ConfigError(f"--data {name}: {scale!r} is not a number") from None


@dataclass
class Workload:
    """A dataset ready for training, with models of random weights: speed does not depend on what they learnt."""

    prepared: Prepared
    config: Config

    @classmethod
    def of(cls, dataset: KGDataset, preset: str, threads: int, seed: int, assignments: Sequence[str] = ()) -> Workload:
        overrides = {"threads": threads, "seed": seed, "device": "cpu"}
        config = make_config(preset, assignments=assignments, overrides=overrides)
        return cls(prepare_training(dataset, config), config)

    @cached_property
    def players(self) -> Players:
        return Players(self.prepared, self.config, TrainingState(self.prepared.random))

    @property
    def start(self) -> Factorisation:
        return self.players.start

    @property
    def model(self) -> AnyDiscriminator:
        return self.players.discriminator

    @cached_property
    def trainer(self) -> AdversarialTrainer:
        return self.players.game()

    @cached_property
    def scorer(self) -> FullScorer:
        return self.prepared.scorer(self.model)

    @cached_property
    def pretrain_sampler(self) -> Sampler:
        return self.players.sampler(self.config.pretrain)

    @cached_property
    def adversarial_sampler(self) -> Sampler:
        return self.players.sampler(self.config.adversarial)

    def test(self, most: int) -> Evaluator:
        """The evaluator of up to ``most`` test triples, drawn by seed."""
        triples = self.prepared.dataset.test
        chosen = torch.randperm(len(triples), generator=torch.Generator().manual_seed(self.config.seed))[:most]
        return Evaluator(triples[chosen.numpy()], self.prepared.test.index)

    # Steps of each phase, by the phase's own code --------------------------------------------------------------------

    def initialisation_step(self) -> None:
        self.run_steps("initialisation", FirstStep())

    def pretrain_step(self) -> None:
        self.run_steps("pretrain", FirstStep())

    def adversarial_step(self) -> Mapping[str, Tensor]:
        sampler = self.adversarial_sampler
        return self.trainer.step(sampler.batch(sampler.order()[: sampler.size]))

    def run_steps(self, section: str, reporter: Reporter) -> None:
        """Begin the phase of a section of settings and go on until the reporter ends it; nothing is evaluated."""
        planned = next(planned for planned in planned_phases(self.config) if planned.section == section)
        phase = replace(self.players.phase(planned), scores=lambda: lambda heads, _: torch.zeros(len(heads), 1))
        unasked = Evaluator(self.prepared.dataset.valid[:0], self.prepared.validation.index)
        with contextlib.suppress(EnoughError):
            run_phase(phase, Context(validation=unasked, reporter=reporter))

    def predictor(self, folder: Path) -> Predictor:
        """The untrained model as a run that answers and explains."""
        data = folder / "data"
        copy_dataset(self.prepared.dataset, data)
        dataset = load_dataset(data)
        start_run(folder / "run", self.config, dataset)
        save_weights(self.model, folder / "run" / "model.safetensors")
        seal_run(folder / "run", dataset)
        return load(folder / "run")

    def questions(self, folder: Path, *, explain: bool) -> Callable[[], None]:
        """A query by name, or the explanation of a test triple's tail, of the untrained run; another one each time."""
        predictor = self.predictor(folder)
        data = predictor.dataset
        triples = itertools.cycle(data.test.tolist())

        def once() -> None:
            head, relation, tail = next(triples)
            query = {"head": data.entities[head], "relation": data.relations[relation]}
            if explain:
                predictor.explain(**query, answer=data.entities[tail])
            else:
                predictor.predict(**query)

        return once
