"""`upgan explain` with contrast, what-if and smallest set, on the committed demo."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.command_line import DEMO, here, refused

ASKED = ("--head", "Part of the Bargain", "--relation", "author", "--answer", "Linda Lael Miller")
AUTHOR = "Robert Jordan"


def document(*more: str) -> dict[str, Any]:
    done = here("explain", DEMO, *ASKED, *more, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_json_gains_a_key_for_each_thing_that_is_asked() -> None:
    plain = document()
    assert not {"contrast", "what_if", "smallest_set"} & set(plain)
    user = plain["users"][0]["id"]
    found = document("--contrast", AUTHOR, "--remove-user", user, "--smallest-set")
    contrast, changed, smallest = (found[key] for key in ("contrast", "what_if", "smallest_set"))
    total = sum(one["difference"] for one in contrast["users"])
    assert contrast["difference"] == pytest.approx(total + contrast["residual"], abs=1e-9)
    assert changed["label"] == smallest["label"] == "weights frozen"
    assert changed["changes"]["remove_users"] == [user]
    assert user not in {one["id"] for one in changed["users_after"]}
    assert changed["before"]["rank"] == found["rank"] == 1
    without = document(*(part for name in smallest["users"] for part in ("--remove-user", name)))
    assert smallest["found"]
    assert without["what_if"]["after"]["filtered_rank"] == smallest["after"]["filtered_rank"] > 1


def test_pseudonyms_are_the_same_in_all_parts() -> None:
    user = document()["users"][0]["id"]
    text = here("explain", DEMO, *ASKED, "--contrast", AUTHOR, "--remove-user", user, "--smallest-set", "--pseudonyms")
    assert text.returncode == 0, text.stderr
    assert "without user U1" in text.stdout
    assert "reader-" not in text.stdout
    assert "weights frozen" in text.stdout


def test_options_that_make_no_sense_are_refused() -> None:
    for more, words in (
        (("--remove-interaction", "one value"), ("--remove-interaction", "USER,ITEM")),
        (("--remove-fact", "a,b"), ("HEAD,RELATION,TAIL",)),
        (("--remove-user", "nobody"), ("nobody",)),
        (("--contrast", "no such author"), ("no such author",)),
        (("--baseline", "median"), ("median", "none, mean")),
        (("--sort", "name"), ("name", "weight, contribution")),
        (("--format", "svg", "--smallest-set"), ("--case",)),
    ):
        done = here("explain", DEMO, *ASKED, *more)
        for word in words:
            refused(done, word)
