"""The figure's contents and geometry, read as data."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import pytest

from tests.render import samples
from upgan.explain.explanation import ContextEdge, Explanation, Walk
from upgan.render.figure import layout
from upgan.render.figure.build import FigureSpec, figure
from upgan.render.figure.kinds import kinds_figure
from upgan.render.words import coefficient

CASES = {
    "bargain": samples.bargain(),
    "riftwar-3": samples.riftwar(3),
    "riftwar-6": samples.riftwar(6),
    "riftwar-10": samples.riftwar(10),
    "unreachable": samples.unreachable(),
    "hostile": samples.hostile(),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, FigureSpec]:
    return request.param, figure(CASES[request.param])


def node_boxes(spec: FigureSpec) -> list[layout.Box]:
    return [layout.node_box(node) for node in spec.nodes]


def test_roles_are_those_of_figure_4():
    spec = figure(samples.bargain())
    roles = {node.id: node.role for node in spec.nodes}
    assert roles["e:Part of the Bargain"] == "target"
    assert roles["e:Linda Lael Miller"] == "answer"
    assert roles["e:Just Kate"] == "entity"
    assert sum(role == "user" for role in roles.values()) == 5


def test_numbers_stand_on_paths_and_evidence_and_nowhere_else():
    spec = figure(samples.bargain())
    for edge in spec.edges:
        if edge.kind in ("path", "evidence"):
            assert edge.number is not None
            assert edge.text.endswith(coefficient(edge.number))
        if edge.kind in ("fact", "interaction"):
            assert edge.number is None
            assert not any(character.isdigit() for character in edge.text)
    alphas = {edge.source: edge.number for edge in spec.edges if edge.kind == "path"}
    assert alphas["u:77OC0"] == 0.31


def test_a_user_carries_its_weight():
    spec = figure(samples.bargain())
    (user,) = [node for node in spec.nodes if node.id == "u:77OC0"]
    assert user.lines == ("77OC0", "simulated, w =\u00a00.31")


def test_users_that_are_not_drawn_are_counted_with_their_weight():
    (more,) = [node for node in figure(samples.bargain()).nodes if node.role == "more"]
    assert " ".join(more.lines) == "18 more simulated users together w\u00a0=\u00a00.25"


def test_every_user_word_says_simulated_where_users_are_simulated():
    spec = figure(samples.bargain(simulated=True))
    texts = [spec.description, *(words for _, words in (*spec.roles, *spec.kinds))]
    texts += [line for node in spec.nodes if node.role in ("user", "more") for line in [" ".join(node.lines)]]
    for text in texts:
        assert text.count("user") == text.count("simulated user"), text


def test_each_coefficient_edge_is_drawn_once_and_facts_on_it_are_not_repeated():
    spec = figure(samples.bargain())
    pairs = [(edge.source, edge.target, edge.kind) for edge in spec.edges]
    assert len(pairs) == len(set(pairs))
    # "Snowflakes — author — Linda" is an evidence edge already; drawing it as a bare fact too would say less.
    assert not [edge for edge in spec.edges if edge.kind == "fact"]
    assert [edge.source for edge in spec.edges if edge.kind == "interaction"] == ["u:B9Q1"]


def test_parallel_relations_between_two_nodes_are_both_kept_apart():
    spec = figure(samples.riftwar(6))
    pair = [edge for edge in spec.edges if {edge.source, edge.target} == {"e:b0", "e:The Riftwar Cycle"}]
    assert len(pair) == 2
    assert pair[0].points[0] != pair[1].points[0]
    assert pair[0].points[-1] != pair[1].points[-1]


def test_prediction_points_from_head_to_tail():
    (forward,) = [edge for edge in figure(samples.bargain()).edges if edge.kind == "prediction"]
    assert (forward.source, forward.target) == ("e:Part of the Bargain", "e:Linda Lael Miller")
    (backward,) = [edge for edge in figure(samples.riftwar()).edges if edge.kind == "prediction"]
    assert (backward.source, backward.target) == ("e:The Serpentwar Saga", "e:The Riftwar Cycle")


def test_columns_run_from_target_to_answer():
    spec = figure(samples.riftwar())
    x = {node.id: node.x for node in spec.nodes}
    assert x["e:The Riftwar Cycle"] < x["e:b0"] < x["u:R000"] < x["e:s0"] < x["e:The Serpentwar Saga"]


def test_users_stand_heaviest_first():
    spec = figure(samples.bargain())
    users = [node for node in spec.nodes if node.role == "user"]
    assert [user.id for user in sorted(users, key=lambda user: user.y)][:2] == ["u:77OC0", "u:7VLI5"]


def test_nodes_and_their_labels_do_not_overlap(case):
    name, spec = case
    for (left, a), (right, b) in combinations(zip(spec.nodes, node_boxes(spec), strict=True), 2):
        assert a.overlap(b) == 0, f"{name}: {left.id} and {right.id}"


def test_no_text_covers_a_text_a_box_or_another_line(case):
    name, spec = case
    labels = [(edge, layout.text_box(edge)) for edge in spec.edges if edge.written]
    for (_, a), (_, b) in combinations(labels, 2):
        assert a.overlap(b) == 0, name
    for edge, box in labels:
        assert not any(box.overlap(node) for node in node_boxes(spec)), (name, edge.written)
        for other in spec.edges:
            inside = [
                p for p in layout.curve(other.points) if box.left < p[0] < box.right and box.top < p[1] < box.bottom
            ]
            assert other is edge or not inside, (name, edge.written)


def test_no_line_passes_through_a_box(case):
    name, spec = case
    for edge in spec.edges:
        for node in spec.nodes:
            box = layout.node_box(node)
            inside = [
                (x, y)
                for x, y in layout.curve(edge.points)
                if box.left + 1 < x < box.right - 1 and box.top + 1 < y < box.bottom - 1
            ]
            assert not inside, (name, edge.title, node.lines)


@pytest.mark.parametrize(
    "text", ["", "one", "Supercalifragilisticexpialidocious", "a b c d e f g h i j k", "源氏物語" * 9]
)
@pytest.mark.parametrize("room", [30.0, 80.0, 200.0])
def test_lines_are_no_wider_than_their_room(text, room):
    lines = layout.fitted(text, room, 12, lines=3)
    assert len(lines) <= 3
    assert all(layout.text_width(line, 12) <= room for line in lines)
    assert "".join(lines).replace(" ", "").startswith(text.replace(" ", "")[:2])


class TestManyUsers:
    """Users beyond the heaviest are drawn together, with those who speak for the same entity."""

    @pytest.fixture
    def spec(self) -> FigureSpec:
        return figure(samples.riftwar(6, users=20))

    def test_every_listed_user_is_drawn_alone_or_in_a_group(self, spec):
        opened = figure(samples.riftwar(6, users=20), opened=True)
        alone = [node for node in spec.nodes if node.role == "user"]
        groups = [node for node in opened.nodes if node.role == "more" and node.chains]
        named = sum(line.startswith("R0") for group in groups for line in group.lines)
        assert spec.grouped
        with_paths = {path.nodes[0].id for path in samples.riftwar(6, users=20).paths}
        assert len(alone) + named == len(with_paths) > 8

    def test_shares_of_a_group_add_up(self, spec):
        whole = sum(edge.number or 0 for edge in spec.edges if edge.kind == "path")
        base = samples.riftwar(6, users=20)
        steps = {
            (p.nodes[i].id, p.nodes[i + 1].id, p.relations[i]): p.alphas[i]
            for p in base.paths
            for i in range(len(p.alphas))
        }
        assert whole == pytest.approx(sum(steps.values()))


def test_walks_are_drawn_with_what_they_add():
    base = samples.bargain()
    walk = Walk((base.target, samples.node("Snowflakes on the Sea"), base.answer), ("next", "author"), 1.0, 0.5)
    other = Walk((base.target, samples.node("Just Kate"), base.answer), ("next", "author"), 1.0, -0.25)
    spec = figure(dataclasses.replace(base, walks=(walk, other)))
    drawn = {(edge.source, edge.target): edge.number for edge in spec.edges if edge.kind == "walk"}
    assert drawn["e:Part of the Bargain", "e:Snowflakes on the Sea"] == 0.5
    assert drawn["e:Just Kate", "e:Linda Lael Miller"] == -0.25


def test_kinds_of_chains_are_counted_and_summed():
    base = samples.bargain()
    spec = kinds_figure(base)
    assert spec is not None
    text = " ".join(" ".join(node.lines) for node in spec.nodes)
    assert f"{len(base.chains)} chains" in text
    assert coefficient(sum(chain.weight for chain in base.chains)) in text


def test_everything_lies_inside_the_frame(case):
    _, spec = case
    for box in node_boxes(spec):
        assert box.left >= 0
        assert box.right <= spec.width
        assert box.top >= 0
        assert box.bottom <= spec.height


def test_large_explanations_stay_readable():
    spec = figure(samples.riftwar(400, users=200))
    assert len(spec.nodes) <= 150
    assert any(node.role == "more" and "more" in node.lines[0] for node in spec.nodes)
    assert "leaves out" in spec.note


def test_node_limit_is_kept():
    assert len(figure(samples.riftwar(60), max_nodes=20).nodes) <= 20


def test_unreachable_target_still_has_its_facts():
    spec = figure(samples.unreachable())
    assert {edge.kind for edge in spec.edges} == {"prediction", "fact"}
    assert "e:Poetry" in {node.id for node in spec.nodes}


def test_answer_that_is_the_target_itself_is_drawn_without_a_loop():
    values = {**samples.unreachable().__dict__}
    values["answer"] = values["target"]
    spec = figure(Explanation(**values))
    assert all(edge.source != edge.target for edge in spec.edges)


def test_a_user_and_an_entity_with_the_same_id_are_two_nodes():
    base = samples.bargain()
    entity = samples.node("77OC0", layer=1)
    values = {**base.__dict__, "context": (ContextEdge(entity, base.answer, "author"),)}
    spec = figure(Explanation(**values))
    ids = [node.id for node in spec.nodes]
    assert len(ids) == len(set(ids))
    assert "u:77OC0" in ids


def test_relation_labels_are_used_where_given():
    spec = figure(samples.riftwar(), relation_labels={"series": "belongs to series"})
    assert any("belongs to series" in edge.text for edge in spec.edges)


class TestRows:
    """The same figure from top to bottom, for a narrow window."""

    @pytest.fixture(params=["bargain", "riftwar-3", "riftwar-6", "unreachable", "hostile"])
    def spec(self, request) -> FigureSpec:
        return figure(CASES[request.param], layout="rows", width=340)

    def test_nothing_overlaps_and_everything_is_inside(self, spec):
        boxes = node_boxes(spec)
        for a, b in combinations(boxes, 2):
            assert a.overlap(b) == 0
        for box in boxes:
            assert box.left >= 0
            assert box.top >= 0
            assert box.right <= spec.width
            assert box.bottom <= spec.height

    def test_target_above_answer_below_and_few_abreast(self, spec):
        target, answer = (next(node for node in spec.nodes if node.role == role) for role in ("target", "answer"))
        assert target.y == min(node.y for node in spec.nodes)
        assert answer.y == max(node.y for node in spec.nodes)
        assert target.x == answer.x
        for y in {node.y for node in spec.nodes}:
            assert sum(node.y == y for node in spec.nodes) <= 5

    def test_the_same_numbers_as_in_columns(self):
        rows, columns = (figure(samples.riftwar(3), layout=layout) for layout in ("rows", "columns"))
        of = {(edge.source, edge.target, edge.kind): edge.number for edge in columns.edges}
        for edge in rows.edges:
            assert of.get((edge.source, edge.target, edge.kind), edge.number) == edge.number


def test_light_users_are_not_drawn_but_counted():
    spec = figure(samples.bargain(), min_weight=0.1)
    users = {node.id for node in spec.nodes if node.role == "user"}
    assert users == {"u:77OC0", "u:7VLI5", "u:A1X2"}
    (more,) = [node for node in spec.nodes if node.role == "more"]
    assert " ".join(more.lines).startswith("20 more simulated users")
