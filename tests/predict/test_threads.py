"""Eight threads that ask one predictor at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import upgan
from tests.predict.toy import ENTITIES, QUERIES, ask, explain


def test_eight_threads_get_the_answers_of_one(run):
    """On a predictor that nobody has asked anything yet, so that its lazy parts are made by whoever comes first."""

    def everything(predictor, shift):
        found = {}
        for step in range(0, len(QUERIES), 5):
            entity, relation = QUERIES[(step + 15 * shift) % len(QUERIES)]
            rows = predictor.predict(**ask(entity, relation), k=9)
            explanation = explain(predictor, entity, relation, (entity + 1) % 9)
            scores = predictor.score_tails([ENTITIES[entity]], ["by"]).tolist()
            found[entity, relation] = (rows, explanation, scores, predictor.relations_of(ENTITIES[entity]))
        return found

    alone = upgan.load(run)
    expected = [everything(alone, shift) for shift in range(8)]
    fresh = upgan.load(run)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(everything, [fresh] * 8, range(8))) == expected
