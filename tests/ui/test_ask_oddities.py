"""The question page where something is odd: no users, damaged runs, hostile links and labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.render.samples import HOSTILE
from tests.ui.driving import QUESTION, SEARCH, checked, graphs, matches, run_page, said, table
from tests.ui.made import make_run


@pytest.mark.usefixtures("checkpoints")
class TestOddities:
    def test_no_user_reaches_the_target(self):
        app = run_page("ask", checkpoint="demo", entity="book:lonely", relation="author", direction="tail")
        assert "No user reaches this entity" in said(app)
        assert len(graphs(app)) == 1

    def test_a_model_without_users_still_ranks(self):
        app = run_page("ask", checkpoint="plain")
        assert len(table(app)) == 10
        assert "This run's model (DistMult) does not use interactions" in said(app)

    def test_a_damaged_run_says_what_is_wrong(self):
        app = run_page("ask", checkpoint="truncated")
        assert "model.safetensors was changed since it was trained" in said(app)
        checked(app, app.selectbox(key="upgan_widget_checkpoint").select("demo"))
        assert "Linda Lael Miller" in said(app)

    def test_switching_checkpoints_starts_with_its_own_question(self):
        app = run_page("ask", checkpoint="demo", entity="book:eye", relation="genre", direction="tail")
        checked(app, app.selectbox(key="upgan_widget_checkpoint").select("plain"))
        assert app.query_params["checkpoint"] == "plain"
        assert app.query_params["entity"] == "book:part-of-the-bargain"

    @pytest.mark.parametrize("name", ["../../etc", "/etc/passwd", "<script>alert(1)</script>", "..", "", "unfinished"])
    def test_a_checkpoint_outside_the_list_is_not_opened(self, name):
        app = run_page("ask", checkpoint=name)
        if name:
            assert "Showing another one." in said(app)
        assert app.query_params["checkpoint"] == "demo"

    @pytest.mark.parametrize(
        ("name", "value"),
        [("entity", value) for value in (*HOSTILE, "x" * 3000, "%00")]
        + [(name, HOSTILE[0]) for name in ("relation", "answer", "direction")],
    )
    def test_hostile_links_get_a_friendly_answer(self, name, value):
        value = value.encode("utf-8", "replace").decode()
        link = {"checkpoint": "demo", "entity": "book:eye", "relation": "genre", "direction": "tail", name: value}
        app = run_page("ask", **link)
        assert len(app.warning) >= 1
        assert len(graphs(app)) == 1
        for message in app.warning:
            assert "<" not in message.value.replace("\\<", "")


def test_no_checkpoint_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
    app = run_page("ask")
    assert "There is no trained model (checkpoint) to ask yet." in said(app)
    assert "upgan data demo" in app.code[0].value
    assert "upgan train data/demo" in app.code[0].value


def test_only_broken_checkpoints(checkpoints, tmp_path, monkeypatch):
    shutil.copytree(checkpoints / "unfinished", tmp_path / "unfinished")
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
    assert "**unfinished**: model.safetensors is missing" in said(run_page("ask"))


@pytest.fixture(scope="module")
def hostile_root(tmp_path_factory) -> Path:
    root: Path = tmp_path_factory.mktemp("hostile")
    names = [
        "book:part-of-the-bargain", "author:linda-lael-miller", "book:just-kate", "book:snowflakes", "author:feist",
        "author",
    ]  # fmt: skip
    labels = [label.encode("utf-8", "ignore").decode() for label in HOSTILE]
    make_run(root / "<b>*run*", labels=dict(zip(names, labels, strict=True)))
    return root


def test_hostile_labels_are_shown_as_they_are(hostile_root, monkeypatch):
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(hostile_root))
    app = run_page("ask", 
        checkpoint="<b>*run*", entity="book:part-of-the-bargain", relation="author", direction="tail",
        answer="author:linda-lael-miller",
    )  # fmt: skip
    assert "<script>alert(1)</script>" in said(app)
    for kind in (app.markdown, app.caption, app.subheader, app.info):
        for element in kind:
            assert "<script" not in element.value.replace("\\<", "")
            assert "](http" not in element.value
    assert "<script>alert(1)</script> — " in app.selectbox(key=QUESTION).options[0]
    checked(app, app.text_input(key=SEARCH).set_value("bold"))
    assert matches(app)[0].label.startswith("\\*\\*bold\\*\\*")
