"""Digits, names and captions."""

from __future__ import annotations

import dataclasses

import pytest

from tests.render import samples
from upgan.explain.explanation import UserShare, Walk
from upgan.render import words
from upgan.render.caption import caption, changed, headline
from upgan.render.reasons import walk_sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1.00"), (0.5, "0.50"), (0.123, "0.12"), (0.0999, "0.10"), (0.04, "0.040"), (0.0341, "0.034"),
        (0.00321, "0.0032"), (0.0002, "<0.001"), (0.9999, ">0.99"), (float("nan"), "n/a"),
    ],
)  # fmt: skip
def test_coefficients_have_sensible_digits(value, text):
    assert words.coefficient(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "+0.500"), (-0.1234, "−0.123"), (0, "0"), (0.0042, "+0.0042"), (-2e-5, "−2e−05")]
)
def test_contributions_show_their_sign(value, text):
    assert words.signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.41, "41%"), (0.001, "less than 1%"), (0.998, "more than 99%"), (1.0, "100%"), (0.0, "0%")]
)
def test_percentages_do_not_round_to_a_lie(value, text):
    assert words.percent(value) == text


@pytest.mark.parametrize(
    ("relation", "text"),
    [
        ("dbo:literaryGenre", "literary genre"),
        ("/book/written_work/author", "author"),
        ("film.film.directed_by⁻¹", "directed by⁻¹"),
        ("http://x.org/ns#part_of", "part of"),
        ("interacted", "interacted"),
        ("", ""),
    ],
)
def test_relation_ids_become_words(relation, text):
    assert words.relation_words(relation) == text


def test_relation_labels_win():
    assert words.relation_words("r1⁻¹", {"r1": "written by"}) == "written by⁻¹"


@pytest.mark.parametrize("label", samples.HOSTILE)
def test_clean_leaves_no_control_characters(label):
    cleaned = words.clean(label)
    assert "\n" not in cleaned
    cleaned.encode("utf-8")
    assert not set(cleaned) & set("\x00\x1b\u202e")


def test_clean_keeps_letters_of_every_script():
    assert (
        words.clean("Les Misérables — Война и мир — 源氏物語 — ألف") == "Les Misérables — Война и мир — 源氏物語 — ألف"
    )


def test_wrap_breaks_between_words_and_cuts_with_an_ellipsis():
    assert words.wrap("The Hitchhiker's Guide to the Galaxy", 18, 2) == ["The Hitchhiker's", "Guide to the Gala…"]
    assert words.wrap("The Bonehunters", 14, 3) == ["The", "Bonehunters"], "no word is torn that has room in a line"
    assert words.wrap("Supercalifragilisticexpialidocious", 10, 2) == ["Supercalif", "ragilisti…"]


def test_caption_of_the_first_case():
    text = caption(samples.bargain())
    assert text.startswith("“Linda Lael Miller” is ranked 1 for “Part of the Bargain — author — ?”; without simulated")
    assert "without simulated users it would be 14." in text
    assert "The five heaviest of 23 simulated users carry 75% of the weight." in text
    assert "from 2.500 to 3.340" in text


def test_caption_reads_backward_queries_the_right_way():
    assert "“? — has sub-series — The Riftwar Cycle”" in caption(samples.riftwar())
    assert "ranked 1.5 for" in caption(samples.riftwar())


def test_caption_says_when_known_answers_stand_above():
    text = caption(dataclasses.replace(samples.riftwar(), rank=10, filtered_rank=1.0))
    assert "is ranked 1 for “? — has sub-series — The Riftwar Cycle”, the other known answers left out (10" in text
    assert "without users it would be 2." in text


def test_caption_says_both_ranks_where_the_filter_matters_only_without_users():
    """The table beside it shows rank 1 against 4: "ranked the same" alone would contradict it."""
    case = dataclasses.replace(samples.riftwar(), rank=1, filtered_rank=1.0)
    case = dataclasses.replace(case, rank_without_users=4, filtered_rank_without_users=1.0)
    text = caption(case)
    assert "left out (1 with them, 4 without " in text
    assert "ranked the same" in text


def test_caption_says_when_users_change_nothing():
    text = caption(dataclasses.replace(samples.riftwar(), filtered_rank=2.0))
    assert "it would be ranked the same" in text


def test_caption_without_users():
    text = caption(samples.unreachable())
    assert "No user reaches “Lonely Book”" in text
    assert "knowledge graph alone" in text


def test_caption_with_one_user():
    base = samples.bargain(simulated=False)
    one = dataclasses.replace(base, users=(UserShare("77OC0", 1.0, 0.84),))
    assert "A single user reaches the target and carries all of the weight." in caption(one)


def test_caption_says_when_the_heaviest_user_pulls_the_other_way():
    base = samples.bargain()
    users = (dataclasses.replace(base.users[0], contribution=-0.33), *base.users[1:])
    assert "pulls the other way (−0.330)" in caption(dataclasses.replace(base, users=users))


def test_nothing_is_called_a_probability():
    for case in (samples.bargain(), samples.riftwar(), samples.unreachable()):
        assert "probab" not in caption(case)


def test_proof_names_both_sums_and_both_fingerprints():
    lines = "\n".join(words.proof(samples.bargain()))
    assert "Σ weights = 1.000000 over 23 simulated users" in lines
    assert "Σ contributions = +0.840 = score 3.340 minus score without users 2.500" in lines
    assert "run ab12cd34ef56" in lines


@pytest.mark.parametrize(
    ("said", "users", "text"),
    [
        ("rated alike", 22, "22 users rated both alike"), ("chosen together", 1, "1 user chose both"),
        ("chosen near in time", 1200, "1,200 users chose one soon after the other"),
        ("", 3, "3 users chose both"), ("", 0, ""),
    ],
)  # fmt: skip
def test_what_users_say_on_a_path_is_said_in_words(said, users, text):
    assert words.said_words(said, users) == text
    assert words.said_words(said, users, simulated=True) == text.replace("user", "simulated user")


class TestAPathIsSaidAsAPersonWould:
    """Names in quotation marks and verbs, no arrows."""

    def sentence(self, nodes, relations, **more):
        return walk_sentence(Walk(tuple(nodes), relations, 0.3, 0.5, **more), simulated=False)

    def test_users_between_two_items(self):
        reader = samples.node("U1", role="user")
        nodes = (samples.node("A"), reader, samples.node("B"), samples.node("Linda"))
        walked = ("interacted⁻¹", "interacted", "author")
        text = self.sentence(nodes, walked, users=11, said="chosen together")
        assert text == "The path that adds most: 11 users chose “A” and “B”, and “B” has author “Linda” (+0.500)."
        text = self.sentence(nodes, walked, users=1, said="rated alike")
        assert text.startswith("The path that adds most: 1 user rated “A” and “B” alike, and ")
        text = self.sentence(nodes, walked, users=2, said="chosen near in time")
        assert text.startswith("The path that adds most: 2 users chose “A” and “B” soon after each other, and ")

    def test_a_fact_that_two_share_and_facts_from_either_end(self):
        nodes = [samples.node(name) for name in ("A", "Silhouette", "B", "Linda")]
        text = self.sentence(nodes, ("publisher", "publisher⁻¹", "author"))
        assert text == (
            "The path that adds most: “A” and “B” share the publisher “Silhouette”, and “B” has author “Linda” "
            "(+0.500)."
        )
        text = self.sentence(nodes[:3], ("part_of⁻¹", "part_of"))
        assert (
            text == "The path that adds most: “Silhouette” has part of “A”, and “Silhouette” has part of “B” (+0.500)."
        )


class TestTheReasonFirst:
    """One sentence from the counts, then what users change; by whom the rank is decided says which counts."""

    def case(self, **changes):
        reasons = (samples.counted(), samples.counted(agree=12, answer="Diana Palmer"))
        base = samples.bargain(simulated=False)
        return dataclasses.replace(base, reasons=reasons, **changes)

    def test_users_who_decide_are_counted_and_set_beside_the_first_without_them(self):
        text = headline(self.case())
        assert text.startswith("16 of the 24 users of “Part of the Bargain” also chose something else with author ")
        assert text.endswith("For “Diana Palmer”, ranked first without users, 12 of them did.")
        assert changed(self.case()) == "Rank 1 instead of 14: users make it better."
        assert caption(self.case()).startswith(text)

    def test_where_users_change_nothing_the_facts_come_first(self):
        walk = Walk((*(samples.bargain().paths[0].nodes[1:]), samples.node("Linda")), ("author",), 1.0, 0.5)
        same = self.case(filtered_rank_without_users=1.0, rank_without_users=1, walks=(walk,))
        text = headline(same)
        assert text.startswith(
            "The path that adds most: “Part of the Bargain” has author “Linda” (+0.500). 2 of the 3 "
        )
        assert "others with author “Linda Lael Miller” share its genre “Romance”." in text
        assert changed(same) == "Rank 1, with users and without."

    def test_known_answers_above_are_said_to_be_left_out(self):
        assert changed(self.case(rank=3)).startswith("Rank 1 (2 known answers above it left out) instead of 14")

    def test_an_explanation_without_counts_has_no_headline(self):
        assert headline(samples.bargain()) == ""
