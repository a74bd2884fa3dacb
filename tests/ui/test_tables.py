"""Your tables: an export is sent, mapped, looked at and made into a dataset, as a user drives it, without a browser."""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest

import ui
import upgan
from tests.data.test_wide import FACTS, PLAYS, ROWS
from tests.ui.driving import checked, run_page, said, table
from ui.components import table as table_of_app

RECORDS = ";".join(ROWS[0]) + "\n" + "".join(
    ";".join(f'"{cell}"' if ";" in cell else cell for cell in row.values()) + "\n" for row in ROWS
)  # fmt: skip
PLAYED = ",".join(PLAYS[0]) + "\n" + "".join(",".join(map(str, row.values())) + "\n" for row in PLAYS)


@pytest.fixture
def data_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("UPGAN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
    return Path(tmp_path) / "data"


def sent(**files: str):
    app = run_page("tables")
    for name, content in files.items():
        app.file_uploader[0].upload(f"{name}.csv", content.encode("utf-8-sig"))
    return checked(app)


def widget(app, key: str):
    return next(each for each in (*app.selectbox, *app.text_input, *app.button) if each.key == key)


def test_from_an_export_to_a_dataset_in_four_clicks(data_folder):
    app = sent(records=RECORDS, plays=PLAYED)
    text = said(app)
    assert "24 rows, 7 columns" in text
    first = {row["Record No"] for row in ROWS[:10]}
    facts = next(each.value for each in app.dataframe if "subject" in each.value)
    assert len(facts) == sum(head in first for head, _, _ in FACTS)
    assert "records.csv: the column Released is left out" in text
    assert "rows have no Artist" in text
    assert not data_folder.exists()
    checked(app, widget(app, "upgan_tables_name").set_value("records"))
    checked(app, widget(app, "upgan_tables_make").click())
    assert "The dataset “records” is ready" in said(app)
    dataset = upgan.load_dataset(data_folder / "records")
    assert len(dataset.train) + len(dataset.valid) + len(dataset.test) == len(FACTS)
    assert set(dataset.entity_kinds) == {"Record", "Label", "Artist or Producers"}
    checked(app, widget(app, "upgan_import_undo").click())
    assert not (data_folder / "records").exists()


def test_a_guess_can_be_corrected_and_the_preview_follows(data_folder):
    app = sent(records=RECORDS)
    checked(app, widget(app, "upgan_tables_records.csv_title").set_value(""))
    facts = next(each.value for each in app.dataframe if "subject" in each.value)
    assert facts["subject"].tolist()[0] == "R00"
    checked(app, widget(app, "upgan_tables_nothing").set_value("Dee"))
    facts = next(each.value for each in app.dataframe if "subject" in each.value)
    assert "N/A" in set(facts["object"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (RECORDS.replace("R03;", "R02;"), "records.csv, line 5, column Record No: the id 'R02' is that of line 4 too"),
        (RECORDS.replace("R03;", ";"), "records.csv, line 5, column Record No: the id is ''"),
        ("Record No;Name\n", "records.csv has no row below row 1"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(data_folder, content, words):
    app = sent(records=content)
    assert words in said(app)
    assert not data_folder.exists()
    assert not [button for button in app.button if button.key == "upgan_tables_make"]


def test_what_stands_in_cells_is_text(data_folder):
    app = sent(records=RECORDS.replace("Blue", "**bold** [x](http://y)"))
    assert not [each for each in app.markdown if "**bold**" in each.value]
    assert table(app) is not None


def test_names_that_a_spreadsheet_would_run_are_guarded_where_they_are_edited_and_kept_in_the_data(data_folder):
    app = sent(records=RECORDS.replace("Artist;", "=Artist;").replace("Çelik", "@Çelik"), plays=PLAYED)
    shown = next(each.value for each in app.dataframe if "it is" in each.value)
    assert "\u2060=Artist" in set(shown["column"])
    assert not [cell for cell in shown.to_numpy().ravel().tolist() if str(cell)[:1] in "=+-@" and str(cell)]
    checked(app, widget(app, "upgan_tables_make").click())
    (made,) = data_folder.iterdir()
    dataset = upgan.load_dataset(made)
    assert "=Artist" in dataset.relations
    assert "@Çelik" in dataset.entity_labels


def test_what_was_edited_comes_back_and_all_else_as_it_was():
    frame = pd.DataFrame({"=name": ["=a", "b\u2060", "-c"], "n": [1, 2, 3]})
    shown = table_of_app._guarded(frame)
    assert shown.columns.tolist() == ["\u2060=name", "n"]
    assert shown.iloc[:, 0].tolist() == ["\u2060=a", "b\u2060", "\u2060-c"]
    edited = shown.copy()
    edited.iloc[2, 0] = "\u2060=d"
    edited.iloc[0, 1] = 7
    back = table_of_app.as_it_was(frame, shown, edited)
    assert back.to_dict("list") == {"=name": ["=a", "b\u2060", "=d"], "n": [7, 2, 3]}


def test_every_table_of_the_app_is_guarded():
    """Only one file draws tables, and each of its calls is of a guarded frame; nowhere else is there one."""
    drawn = {
        (path.name, node.func.attr, ast.unparse(node.args[0]))
        for path in Path(ui.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (node.func.attr in ("dataframe", "data_editor") or ast.unparse(node.func) in ("st.table", "st.write"))
        and node.args
    }
    assert drawn == {("table.py", "dataframe", "frame"), ("table.py", "data_editor", "shown")}
    source = ast.parse(Path(table_of_app.__file__).read_text(encoding="utf-8"))
    guarded = {
        target.id
        for node in ast.walk(source)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name) and node.value.func.id == "_guarded"
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    assert guarded == {"frame", "shown"}
