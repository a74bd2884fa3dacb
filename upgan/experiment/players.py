"""The models of a training, each made when it is needed first, and the phases that train them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar, cast

import numpy as np
from torch import Tensor, nn

from upgan.config.phases import PlannedPhase
from upgan.config.sections import AdversarialConfig, FusionConfig, InitialisationConfig, PretrainConfig, WalksConfig
from upgan.config.settings import Config
from upgan.evaluation.evaluator import Evaluator, Scorer
from upgan.experiment.inputs import Prepared
from upgan.graph.observed import seen_data
from upgan.graph.queries import QueryIndex
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.build import build_discriminator, build_factorisation
from upgan.model.factorisation import Factorisation
from upgan.model.generator import Generator
from upgan.model.guided import AnyDiscriminator
from upgan.objectives.batches import BatchSampler, QuerySampler, Sampler
from upgan.objectives.optimizers import Squares, accumulated
from upgan.objectives.phase import Phase
from upgan.systems.base import System
from upgan.systems.build import build_system
from upgan.training.adversarial import AdversarialTrainer, adversarial
from upgan.training.fuse import fuse_evidence
from upgan.training.initialise import initialisation
from upgan.training.loop import Context, PhaseResult, run_phase
from upgan.training.pretrain import pretraining
from upgan.training.state import TrainingState
from upgan.training.walk import Beside, Listening, fit_walks
from upgan.types import IntArray

Module = TypeVar("Module", bound=nn.Module)


class Start(NamedTuple):
    """What a finished run learned, to go on from instead of training it again.

    The vectors of a DistMult or ComplEx run; of a run of the model itself also all else that its steps changed.
    """

    model: Factorisation
    squares: Squares
    fingerprint: str
    learned: dict[str, Tensor] | None = None


@dataclass
class Players:
    """Models with random weights, or those that ``start_from`` and the checkpoint of ``state`` give them.

    Models are made in the order of training, as each draws its first weights from the same global generator.
    """

    prepared: Prepared
    config: Config
    state: TrainingState
    start_from: Start | None = None

    def __post_init__(self) -> None:
        #: What Adagrad has accumulated for the parameters that the next phase goes on with.
        self.squares: Squares = {} if self.start_from is None else self.start_from.squares

    # Models ----------------------------------------------------------------------------------------------------------

    @cached_property
    def system(self) -> System:
        """The compared system."""
        system = build_system(self.config, seen_data(self.prepared.dataset, self.config))
        return self._tracked("system", system.to(self.prepared.device))

    @cached_property
    def start(self) -> Factorisation:
        """The vectors that both D and G start from; DistMult's or ComplEx' own training ends with them."""
        started = self.start_from
        start = build_factorisation(self.config, *self._sizes) if started is None else started.model
        return self._tracked("start", start.to(self.prepared.device))

    @cached_property
    def held_out(self) -> tuple[QueryIndex, IntArray]:
        """The training triples without a random share of them, and (T,) which those are."""
        triples, data = self.prepared.triples, self.prepared.dataset
        order = np.random.default_rng([self.config.seed, 3]).permutation(len(triples))
        apart = np.sort(order[: round(self.config.walks.held_out * len(triples))])
        return QueryIndex.build(np.delete(triples, apart, axis=0), data.num_entities, data.num_relations), apart

    @cached_property
    def second_start(self) -> Factorisation:
        """Vectors that the held-out triples are new to."""
        start = build_factorisation(self.config, *self._sizes)
        return self._tracked("second_start", start.to(self.prepared.device))

    @cached_property
    def discriminator(self) -> AnyDiscriminator:
        model = build_discriminator(self.config, *self._sizes, self.prepared.dataset.num_users)
        model = model.to(self.prepared.device)
        model.initialise_from(self.start)
        if self.start_from is not None and self.start_from.learned is not None:
            model.load_state_dict(self.start_from.learned, strict=False)
        return self._tracked("discriminator", model)

    @cached_property
    def generator(self) -> Generator:
        settings, model = self.config.adversarial, self.config.model
        generator = Generator(*self._sizes, model.dim, settings.hidden_layers, settings.sigma, model.product)
        generator = generator.to(self.prepared.device)
        generator.initialise_from(self.start)
        self.state.release("start")
        return self._tracked("generator", generator)

    @property
    def final(self) -> nn.Module | None:
        """The model that answers after the training; None as long as it is not made."""
        own = "discriminator" if self.config.model_name == "upgan" else "start"
        return self.state.modules.get(own if self.config.system is None else "system")

    @property
    def _sizes(self) -> tuple[int, int]:
        return self.prepared.dataset.num_entities, self.prepared.dataset.num_relations

    def _tracked(self, name: str, module: Module) -> Module:
        self.state.track(name, module)
        return module

    # Phases ----------------------------------------------------------------------------------------------------------

    def train(self, planned: PlannedPhase, context: Context) -> tuple[PhaseResult, Scorer]:
        """Go through a phase; how it ended, and the scores of what it trained."""
        if isinstance(planned.settings, FusionConfig):
            return self._fuse(planned.settings, context), self._scores()
        if isinstance(planned.settings, WalksConfig):
            return self._walk(planned.settings, context), self._scores()
        phase = self.phase(planned)
        result = run_phase(phase, context)
        if isinstance(planned.settings, InitialisationConfig | PretrainConfig) and not planned.holds_out:
            self.squares = accumulated(phase.kept, *phase.optimizers.values())
        return result, phase.scores()

    def phase(self, planned: PlannedPhase) -> Phase:
        """A phase of steps, made of the models as they are now."""
        name, team = planned.name, self.state.team
        index, graph, random = self.prepared.train, self.prepared.graph, self.prepared.random
        match planned.settings:
            case InitialisationConfig() as settings if planned.holds_out:
                _ = self.discriminator  # there before the second start, in a resumed training too
                self.state.release("start")
                held = self.held_out[0].to(self.prepared.device)
                return initialisation(self.second_start, held, settings, random, name=name, team=team)
            case InitialisationConfig() as settings:
                return initialisation(self.start, index, settings, random, name=name, squares=self.squares, team=team)
            case PretrainConfig() as settings:
                parts = self.discriminator, graph, self.sampler(settings), settings, self._scores
                proposing = self.generator if settings.candidates_by == "generator" else None
                return pretraining(*parts, name=name, squares=self.squares, team=team, generator=proposing)
            case AdversarialConfig() as settings:
                return adversarial(self.game(), self.sampler(settings), self._scores)
            case _:
                return self.system.phase(name, index, random)

    def sampler(self, settings: PretrainConfig | AdversarialConfig) -> Sampler:
        """Mini-batches as the settings count them."""
        prepared = self.prepared
        if isinstance(settings, PretrainConfig) and settings.batch_by == "queries":
            return QuerySampler(prepared.train, settings.batch, prepared.random)
        return BatchSampler(prepared.triples, prepared.train, settings.batch, prepared.random)

    def game(self) -> AdversarialTrainer:
        """Both players with new optimisers."""
        players = self.discriminator, self.generator
        prepared, team = self.prepared, self.state.team
        return AdversarialTrainer(*players, prepared.graph, self.config.adversarial, prepared.random, team)

    def _scores(self) -> Scorer:
        """The discriminator's, as it is now."""
        return self.prepared.scorer(self.discriminator).scores

    def _fuse(self, settings: FusionConfig, context: Context) -> PhaseResult:
        model, facts = cast(BilinearDiscriminator, self.discriminator), self.prepared.facts
        self.state.release("start")
        assert facts is not None, "a phase of fusion is planned for scores with evidence only"
        return fuse_evidence(model, self.prepared.graph, facts, settings, context)

    def _walk(self, settings: WalksConfig, context: Context) -> PhaseResult:
        model = cast(BilinearDiscriminator, self.discriminator)
        self.state.release("start")
        assert model.walks is not None
        result = fit_walks(model.walks, self.listening(settings, context.validation), context)
        self.state.release("second_start")
        return result

    def listening(self, settings: WalksConfig, validation: Evaluator) -> Listening:
        """What walks are fitted on, beside the discriminator as it is now."""
        prepared = self.prepared
        assert prepared.facts is not None, "a phase of walks is planned for scores with walks only"
        edges = prepared.facts.walk_edges(prepared.graph.said if self.discriminator.has_users else ())
        beside = None
        if settings.held_out:
            apart = self.held_out[1]
            beside = Beside(prepared.triples[apart], self.second_start.scores, prepared.device)
        return Listening(edges, prepared.train, validation, self._scores(), settings, self.config.seed, beside)
