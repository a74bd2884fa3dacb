"""Your tables: an export is sent, mapped, looked at and made into a dataset, as a user drives it, without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

import upgan
from tests.data.test_wide import FACTS, PLAYS, ROWS
from tests.ui.driving import checked, run_page, said, table

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
