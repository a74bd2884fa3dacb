"""The registry of formats: every file of upgan/data/read is one, and messages, help and checks list all of them."""

from pathlib import Path
from typing import get_args

import pytest

import upgan.data.read
from tests.data import sources
from upgan.cli.prepare import Format as FormatOption
from upgan.data.check import check_source
from upgan.data.formats import FORMATS, read_sources
from upgan.data.read import format_names
from upgan.errors import ConfigError, DataError

FOLDER = Path(upgan.data.read.__file__).parent


def test_every_file_is_a_format_of_its_name():
    assert format_names() == sorted(FORMATS) == sorted({path.stem for path in FOLDER.glob("*.py")} - {"__init__"})
    places = [format.place for format in FORMATS.values()]
    assert places == sorted(set(places))
    assert {name for format in FORMATS.values() for name in format.includes} <= FORMATS.keys()


def test_every_format_stands_in_help_and_messages(tmp_path):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(DataError) as unrecognised:
        read_sources([tmp_path])
    with pytest.raises(ConfigError) as unknown:
        read_sources([tmp_path], format="nothing")
    help_text = get_args(FormatOption)[1].help
    for name, format in FORMATS.items():
        assert f"\n  {name}: {format.needs}" in str(unrecognised.value)
        assert name in str(unknown.value)
        assert name in help_text


def test_every_format_is_written_by_the_tests_or_has_tests_of_its_own():
    assert FORMATS.keys() - sources.FORMATS.keys() == {"kb4rec"}


def test_a_format_whose_lines_are_not_checked_is_refused_with_what_is(tmp_path):
    (tmp_path / "triples.tsv").write_text("a\tb\tc\n")
    with pytest.raises(ConfigError, match=r"kb4rec: prepare it, .* tsv, recbole, release, kgat, hetrec, ntriples"):
        check_source([tmp_path], format="kb4rec")
