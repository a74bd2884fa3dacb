"""The phases a training goes through, as its settings say."""

from __future__ import annotations

from upgan.config.settings import Config


def planned_phases(config: Config) -> list[str]:
    """Names in the order of training. Those without epochs are walked through too: they evaluate once."""
    if config.system is not None:
        return list(config.system.phases)
    phases = ["initialisation"]
    if config.initialisation.relax_epochs and config.initialisation.n3:
        phases.append("relaxation")
    if config.model_name != "upgan":
        return phases
    phases.append("pretrain")
    if config.pretrain.relax_epochs and config.pretrain.n3:
        phases.append("pretrain relaxation")
    phases.append("adversarial")
    if config.has_evidence:
        phases.append("fusion")
    return phases
