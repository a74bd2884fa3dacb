"""How long the app's work on the server takes: python scripts/app_speed.py RUN [--queries 30] [--seed 0]

Without a browser: a keystroke of the search over all names (beginnings, words, ids, and names misspelt on purpose), and
a question with its candidates, an explanation, and the drawn figure, each time another one. Medians and 95th
percentiles, wall seconds and processor seconds. For a dataset without a run, scripts/explain_speed.py makes one with
random weights: the arithmetic is the same.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

import upgan
from ui.services import answers, questions
from upgan.predictor import Predictor
from upgan.render.figure import figure
from upgan.render.graph_html import graph_html


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    predictor = upgan.load(given.run)
    started = time.perf_counter()
    index = questions.search_index(predictor.dataset)
    print(f"{len(predictor.entities):,} entities; search index in {time.perf_counter() - started:.2f} s")
    typed = [text for _ in range(given.queries) for text in keystrokes(predictor, chance)]
    report("search, one keystroke", [timed(lambda text=text: index.suggest(text)) for text in typed])  # type: ignore[misc]
    asked = [
        questions.random_question(predictor, "run", seed) for seed in range(given.seed, given.seed + given.queries)
    ]
    answered(predictor, asked[0])  # what the first one prepares is not part of the others
    report("query, explanation, figure", [timed(lambda one=one: answered(predictor, one)) for one in asked])  # type: ignore[misc]


def keystrokes(predictor: Predictor, chance: random.Random) -> list[str]:
    """What someone types on the way to an entity: a beginning, a word, the name, the name misspelt, the id."""
    number = chance.randrange(len(predictor.entities))
    name = predictor.dataset.entity_labels[number]
    slip = chance.randrange(max(1, len(name)))
    misspelt = name[:slip] + chance.choice("abcdefgh") + name[slip + 1 :]
    word = (name.split() or [name])[-1]
    return [name[:2], name[:5], word, name, misspelt, predictor.entities[number]]


def answered(predictor: Predictor, question: questions.Question) -> None:
    """What the page needs for one question: candidates, the first one explained, the figure as a document."""
    found = answers.candidates(predictor, question, 10, hide_known=False)
    explanation = answers.explain(predictor, question, found.rows[0]["id"], 5)
    graph_html(figure(explanation, relation_labels=questions.relation_labels(predictor.dataset)))


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def report(what: str, seconds: list[tuple[float, float]]) -> None:
    """Median and 95th percentile in milliseconds."""
    for kind, values in (("wall", sorted(wall for wall, _ in seconds)), ("cpu", sorted(cpu for _, cpu in seconds))):
        middle, high = values[len(values) // 2], values[int(0.95 * (len(values) - 1))]
        print(
            f"{what}, {kind}: median {1000 * middle:.0f} ms, 95% {1000 * high:.0f} ms, most {1000 * values[-1]:.0f} ms"
        )


if __name__ == "__main__":
    main()
