"""One training from a prepared dataset to a finished run folder: the place where all parts meet."""

from __future__ import annotations

import math
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from upgan.checkpoint import GENERATOR_FILE, MODEL_FILE, save_weights, seal_run, start_run
from upgan.config import Config
from upgan.data.dataset import KGDataset
from upgan.errors import ConfigError, DataError
from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.files import write_json, write_text
from upgan.graph import LayeredGraph, build_graph, check_no_leak
from upgan.model.build import FullScorer
from upgan.model.discriminator import Discriminator
from upgan.model.distmult import DistMult
from upgan.model.generator import Generator
from upgan.queries import BatchSampler, QueryIndex
from upgan.run_card import run_card
from upgan.training.adversarial import AdversarialTrainer, train_adversarially
from upgan.training.initialise import train_distmult
from upgan.training.loop import PhaseResult, Reporter, Silent
from upgan.training.pretrain import pretrain_discriminator
from upgan.types import SPLITS


@dataclass(frozen=True)
class Prepared:
    """Everything training reads, on the device it runs on."""

    dataset: KGDataset
    device: torch.device
    graph: LayeredGraph
    train: QueryIndex
    validation: Evaluator
    test: Evaluator
    random: torch.Generator


def train(prepared: Prepared, config: Config, run: Path, reporter: Reporter | None = None) -> dict[str, Any]:
    """Initialise, pre-train, play the adversarial game, evaluate on test; returns what metrics.json holds.

    The test split chooses nothing: it is ranked once after each phase, for the report.
    """
    reporter = reporter or Silent()
    started = time.monotonic()
    deadline = started + config.max_seconds if config.max_seconds else math.inf
    dataset = prepared.dataset
    start_run(run, config, dataset)
    stages: dict[str, Any] = {}

    distmult = DistMult(dataset.num_entities, dataset.num_relations, config.model.dim, config.initialisation.scale).to(
        prepared.device
    )
    result = train_distmult(
        distmult, prepared.train, prepared.validation, config.initialisation, prepared.random, reporter, deadline
    )
    stages["initialisation"] = _stage(result, distmult, prepared)
    final: DistMult | Discriminator = distmult
    if config.model_name == "upgan":
        final = _train_upgan(distmult, prepared, config, run, reporter, deadline, stages)
    save_weights(final, run / MODEL_FILE)
    seal_run(run, dataset)
    metrics = {
        **stages[list(stages)[-1]]["test"],
        "split": "test",
        "valid": stages[list(stages)[-1]]["valid"],
        "stages": stages,
        "seconds": time.monotonic() - started,
        "peak_memory_mb": peak_memory_mb(),
        "device": _device_name(prepared.device),
        "threads": torch.get_num_threads(),
        "seed": config.seed,
    }
    write_json(run / "metrics.json", metrics)
    write_text(run / "card.md", run_card(dataset, config, metrics))
    return metrics


def prepare_training(dataset: KGDataset, config: Config) -> Prepared:
    """Seed everything, build the graph from training triples only, index the queries."""
    if not len(dataset.train):
        raise DataError(f"{dataset.name}: no training triples; prepare it with a larger first share (--split)")
    if config.threads:
        torch.set_num_threads(config.threads)
    device = resolve_device(config.device)
    torch.manual_seed(config.seed)
    held_out = np.concatenate([dataset.valid, dataset.test])
    check_no_leak(dataset.train, held_out, dataset.num_entities, dataset.num_relations)
    everything = np.concatenate([dataset.triples(split) for split in SPLITS])
    sizes = (dataset.num_entities, dataset.num_relations)
    known = QueryIndex.build(everything, *sizes).to(device)
    graph = build_graph(
        dataset.train, dataset.interactions, dataset.num_entities, dataset.num_users, dataset.num_relations
    )
    return Prepared(
        dataset=dataset,
        device=device,
        graph=graph.to(device),
        train=QueryIndex.build(dataset.train, *sizes).to(device),
        validation=Evaluator(dataset.valid, known),
        test=Evaluator(dataset.test, known),
        random=torch.Generator(device).manual_seed(config.seed + 1),
    )


def resolve_device(name: str) -> torch.device:
    """ "auto" takes a CUDA device where there is one; ConfigError where cuda is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device 'cuda' is asked for, but PyTorch sees none here; use --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _train_upgan(
    distmult: DistMult,
    prepared: Prepared,
    config: Config,
    run: Path,
    reporter: Reporter,
    deadline: float,
    stages: dict[str, Any],
) -> Discriminator:
    """Pre-training of D, then G and D against each other; weights are saved after each phase."""
    data, graph, device = prepared.dataset, prepared.graph, prepared.device
    model = Discriminator(data.num_entities, data.num_relations, data.num_users, config.model).to(device)
    model.initialise_from(distmult)

    def validate() -> Metrics:
        return prepared.validation.rank(FullScorer(model, graph).scores).metrics

    sampler = BatchSampler(data.train, prepared.train, config.pretrain.batch, prepared.random)
    result = pretrain_discriminator(model, graph, sampler, validate, config.pretrain, reporter, deadline)
    stages["pretrain"] = _stage(result, model, prepared)
    save_weights(model, run / MODEL_FILE)
    seal_run(run, data)

    settings = config.adversarial
    generator = Generator(
        data.num_entities, data.num_relations, config.model.dim, settings.hidden_layers, settings.sigma
    ).to(device)
    generator.initialise_from(distmult)
    trainer = AdversarialTrainer(model, generator, graph, settings, prepared.random)
    sampler = BatchSampler(data.train, prepared.train, settings.batch, prepared.random)
    result = train_adversarially(trainer, sampler, validate, reporter, deadline)
    stages["adversarial"] = _stage(result, model, prepared)
    save_weights(generator, run / GENERATOR_FILE)
    return model


def _stage(result: PhaseResult, model: DistMult | Discriminator, prepared: Prepared) -> dict[str, Any]:
    """What a phase reached: validation as selected by, test for the report, time and memory so far."""
    started = time.monotonic()
    test = prepared.test.rank(FullScorer(model, prepared.graph).scores).metrics
    return {
        "valid": result.best.to_dict(),
        "test": test.to_dict(),
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "ended": result.ended,
        "seconds": result.seconds,
        "cpu_seconds": result.cpu_seconds,
        "seconds_test": time.monotonic() - started,
        "peak_memory_mb": peak_memory_mb(),
    }


def peak_memory_mb() -> float:
    """The process's largest resident set so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
