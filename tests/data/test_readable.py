"""Labels made from ids: what a URI says, and ids that say nothing."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upgan.data.prepare.readable import readable_labels, readable_relations

ENTITIES = {
    "http://dbpedia.org/resource/Some_Title_%28film%29": "Some Title (film)",
    "http://de.dbpedia.org/resource/K%C3%B6ln": "Köln",
    "dbr:Sophie%27s_World": "Sophie's World",
    "https://en.wikipedia.org/wiki/Brazil_(1985_film)": "Brazil (1985 film)",
    "http://dbpedia.org/resource/100%_Wolf": "100% Wolf",
    # 0xff is no UTF-8, %00 and %0A are no letters: such names stay as they are written.
    "http://dbpedia.org/resource/Caf%FF": "Caf%FF",
    "http://dbpedia.org/resource/A%00B": "A%00B",
    "http://dbpedia.org/resource/A%0AB": "A%0AB",
    "http://dbpedia.org/resource/": "http://dbpedia.org/resource/",
    "http://www.wikidata.org/entity/Q42": "Q42",
    "wd:Q42": "Q42",
    "Q42": "Q42",
    "http://rdf.freebase.com/ns/m.0dyb1": "m.0dyb1",
    "m.0dyb1": "m.0dyb1",
    "http://www.example.org/page_1.html": "http://www.example.org/page_1.html",
    "_:b0": "_:b0",
    "plain_id": "plain_id",
    "": "",
}
RELATIONS = {
    "http://dbpedia.org/ontology/literaryGenre": "literary genre",
    "http://www.wikidata.org/prop/direct/P50": "P50",
    "wdt:P57": "P57",
    "http://rdf.freebase.com/ns/film.film.written_by": "written by",
    "http://rdf.freebase.com/ns/film.actor.film": "actor film",
    "film.director.film": "director film",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#type": "type",
    "http://purl.org/dc/terms/subject": "subject",
    "http://xmlns.com/foaf/0.1/": "http://xmlns.com/foaf/0.1/",
    # Both would read "genre", and a label is also a way to name a relation.
    "http://schema.org/genre": "http://schema.org/genre",
    "dbo:genre": "dbo:genre",
    "has_sub_series": "has_sub_series",
}


@pytest.mark.parametrize(("readable", "expected"), [(readable_labels, ENTITIES), (readable_relations, RELATIONS)])
def test_uris_become_names(readable, expected):
    ids = pd.Series(list(expected), index=range(5, 5 + len(expected)))
    labels = readable(ids)
    assert dict(zip(ids, labels, strict=True)) == expected
    assert labels.index.equals(ids.index)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"])) | st.from_regex(r"dbr:(%[0-9A-F]{2}|[a-z_])+"), min_size=1
    )
)
@settings(deadline=None)
def test_any_id_has_a_label_that_is_not_empty(ids):
    for readable in (readable_labels, readable_relations):
        labels = readable(pd.Series(ids, dtype=object))
        assert len(labels) == len(ids)
        assert all(label != "" for label, key in zip(labels, ids, strict=True) if key)
