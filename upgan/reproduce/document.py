"""What TARGET.json holds, the document of a reproduced table or figure, for who writes and who reads it; no torch."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

#: The paper's experiments whose results are TARGET.json with rows; fig4 is a page of its own.
TARGET_NAMES = ("table3", "table4", "table5", "table6", "fig3a", "fig3b", "fig3-dim", "fig3-layers")
#: Of TARGET.json.
FORMAT_VERSION = 1

#: Metric of the metrics JSON -> its value; None for a metric of no query. Means have "queries" too.
Values = dict[str, float | None]


class Statistics(TypedDict):
    """Metrics over seeds: None without a run, the deviation for fewer than two."""

    mean: Values | None
    std: Values | None


class Run(TypedDict):
    """One run of a row; one that failed has a ``problem`` and no figures."""

    seed: int
    #: "trained", "resumed", "reused" or "failed".
    how: str
    problem: str | None
    run: NotRequired[str]
    seconds: NotRequired[float | None]
    #: Whether the time limit ended it, and the phases that it left without an epoch.
    out_of_time: NotRequired[bool]
    not_begun: NotRequired[list[str]]
    metrics: NotRequired[Values]


class Row(Statistics):
    """A system, or a variant of it, at one place of the axis."""

    row: str
    system: str
    label: str
    x: float | None
    runs: list[Run]
    #: Breakdown -> group -> its metrics.
    groups: dict[str, dict[str, Statistics]]
    #: The paper's dataset -> metric, or group for a table of groups -> its figure as a fraction.
    paper: dict[str, dict[str, float]]
    #: Mean test MRR before weights were fitted on validation triples.
    mrr_before_fusion: NotRequired[float | None]
    #: "seeds", and "mrr" and "hits@10" with value, low, high, relative; None for UPGAN and where nothing is compared.
    upgan_minus: dict[str, Any] | None


class DatasetName(TypedDict):
    """Which dataset the runs are of."""

    name: str
    fingerprint: str
    simulated_users: NotRequired[bool]


class Searched(TypedDict):
    """What the search found for one system; the MRRs are of validation."""

    trials: int
    failed: int
    default_valid_mrr: float | None
    valid_mrr: float | None
    #: The same two with the final runs' time; None where that is a trial's.
    final: NotRequired[dict[str, float | None] | None]
    settings: dict[str, Any]


class SearchDocument(TypedDict):
    """TARGET-settings.json."""

    dataset: DatasetName
    preset: str
    seed: int
    trials: int
    trial_seconds: float | None
    final_seconds: float | None
    systems: dict[str, Searched]


class Document(TypedDict):
    """TARGET.json."""

    format_version: int
    target: str
    title: str
    dataset: DatasetName
    preset: str
    seeds: list[int]
    budget_seconds: float | None
    #: The setting on a figure's axis; the breakdown of a table of groups.
    axis: str | None
    axis_title: str | None
    by: str | None
    rows: list[Row]
    #: How settings were searched; None where they were not.
    search: NotRequired[SearchDocument | None]
    #: What was typed.
    command: NotRequired[str]
