"""The plan of a training: its phases in their order, each with the settings it goes by. There is no other list."""

from __future__ import annotations

from dataclasses import dataclass

from upgan.config.section import Section
from upgan.config.sections import InitialisationConfig, PretrainConfig
from upgan.config.settings import Config

#: The phase that trains the second start, whose scores are not those of the model that is trained.
HELD_OUT = "held-out start"
#: The game of both players (4.4, 4.5), after which the generator is not needed any more.
GAME = "adversarial"
#: The phases that fit numbers on validation triples; all others only choose and stop by them.
ON_VALIDATION = ("fusion", "walks")


@dataclass(frozen=True)
class PlannedPhase:
    """A phase by its name, before anything is made for it."""

    name: str
    #: The section of settings that it reads, and those settings; a relaxation's are changed ones.
    section: str
    settings: Section
    #: Whether it goes on with the steps of the phase before it.
    relaxes: bool = False
    #: Whether it trains vectors without the triples that walks are weighed on.
    holds_out: bool = False

    def key(self, setting: str) -> str | None:
        """The dotted key of its ``setting`` ("lr", "batch" ...) as --set takes it; None where it has no such setting.

        Phases of one section may have some of their own: KBGAN's game has kbgan.adversarial_lr.
        """
        names = (f"{self.name}_{setting}", setting)
        return next((f"{self.section}.{name}" for name in names if name in type(self.settings).model_fields), None)


def planned_phases(config: Config, *, started: bool = False) -> list[PlannedPhase]:
    """The phases of a training; one that is ``started`` from another run's vectors has no initialisation.

    A phase without epochs is gone through too: it evaluates once.
    """
    if config.system is not None:
        return [PlannedPhase(name, config.model_name, config.system) for name in config.system.phases]
    phases = [] if started else _with_relaxation("initialisation", "relaxation", config.initialisation)
    if config.model_name != "upgan":
        return phases
    phases += _with_relaxation("pretrain", "pretrain relaxation", config.pretrain)
    phases.append(PlannedPhase(GAME, "adversarial", config.adversarial))
    if config.has_evidence:
        phases.append(PlannedPhase("fusion", "fusion", config.fusion))
    if config.has_walks and config.walks.held_out:
        phases.append(PlannedPhase(HELD_OUT, "initialisation", config.initialisation, holds_out=True))
    if config.has_walks:
        phases.append(PlannedPhase("walks", "walks", config.walks))
    return phases


def _with_relaxation(
    section: str, relaxation: str, settings: InitialisationConfig | PretrainConfig
) -> list[PlannedPhase]:
    """A phase named as its section, and its relaxation where there is something to relax."""
    phases = [PlannedPhase(section, section, settings)]
    if settings.relax_epochs and settings.n3:
        phases.append(PlannedPhase(relaxation, section, relaxed(settings), relaxes=True))
    return phases


def relaxed(config: InitialisationConfig | PretrainConfig) -> InitialisationConfig | PretrainConfig:
    """The settings of the relaxation after a phase: half the N3 weight, from its best state on.

    The best weight differs between data (0.1 or 0.05 on those tried), and too small a one overfits from the start. From
    the best state of the larger one a few epochs tell; the phase keeps them only where validation is better.
    """
    return config.model_copy(update={"n3": config.n3 / 2, "epochs": config.relax_epochs})
