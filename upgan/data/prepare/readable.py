"""Labels made from ids, for entities and relations that no source names.

A URI is cut down to what it says ("http://dbpedia.org/resource/Alien_%28film%29" -> "Alien (film)"), where that is a
name. Freebase's and Wikidata's ids are no names: of them only the prefix goes, so that ids are recognised ("Q42",
"m.0dyb1"). Everything else is its own label.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pandas as pd

#: What stands before a name in URIs that are made of names: DBpedia, Wikipedia, YAGO.
_NAMES = (
    r"^(?:https?://(?:[a-z-]+\.)?dbpedia\.org/(?:resource|ontology|property)/|db[rop]:"
    r"|https?://(?:[a-z-]+\.)*wikipedia\.org/wiki/|https?://yago-knowledge\.org/resource/)"
)
#: Ids of which only the prefix goes.
_OPAQUE = (
    r"^(?:https?://(?:www\.)?wikidata\.org/(?:entity|wiki|prop/direct|prop)/|https?://rdf\.freebase\.com/ns/"
    r"|wdt?:|fb:)(?=[^/]+$)"
)
#: Any other URI of a relation: its last part, after "#" or "/", if it has letters.
_LAST_PART = r"^[a-z][a-z0-9+.-]*://[^/]+/(?:.*[/#])?([^/#?]*[^\W\d_][^/#?]*)$"
_FREEBASE_RELATION = r"^[a-z0-9_]+(?:\.[a-z0-9_]+){2,}$"
_ESCAPED = r"%[0-9A-Fa-f]{2}"


def readable_labels(ids: pd.Series) -> pd.Series:
    """Labels for entity ids (see the module); an id that says nothing readable is its own label."""
    return _named(ids.astype(str), r"_")


def readable_relations(ids: pd.Series) -> pd.Series:
    """Labels for relation ids: "dbo:literaryGenre" -> "literary genre", "film.film.written_by" -> "written by".

    Where two Freebase relations would read the same ("film.actor.film", "film.director.film"), the type before the
    last dot is kept ("actor film"), because a label is also a way to name the relation. The same holds for URIs: where
    two of them end alike, both stay as they are.
    """
    text = ids.astype(str)
    bare = text.str.replace(_OPAQUE, "", regex=True)
    freebase = bare[bare.str.contains(_FREEBASE_RELATION, regex=True)]
    last = _last_words(freebase, r"^.*\.")
    longer = _last_words(freebase, r"^.*\.(?=[^.]*\.)")
    last = last.mask(last.duplicated(keep=False), longer)
    rest = text.drop(freebase.index)
    named = _named(rest, r"_|(?<=[a-z0-9])(?=[A-Z])", _LAST_PART)
    opaque = rest.str.contains(_OPAQUE, regex=True)
    named = named.where(opaque | (named == rest), named.str.lower())
    named = named.mask(named.duplicated(keep=False), rest)
    result: pd.Series = pd.concat([named, last]).reindex(text.index)
    return result


def _named(text: pd.Series, between: str, last_part: str | None = None) -> pd.Series:
    """URIs as names, with a space for each match of ``between``; others as they are.

    ``last_part``: a pattern whose first group is the name in URIs that are not made of names.
    """
    opaque = text.str.contains(_OPAQUE, regex=True)
    short = text[opaque].str.replace(_OPAQUE, "", regex=True)
    rest = text[~opaque]
    name = rest.str.replace(_NAMES, "", regex=True)
    if last_part is not None:
        name = name.where(name != rest, rest.str.replace(last_part, r"\1", regex=True))
    name = name[name != rest]
    name = _decoded(name).str.replace(between, " ", regex=True).str.strip()
    # An id that is nothing but a prefix has no better label than itself.
    labels = pd.concat([name[name != ""], short])
    result: pd.Series = pd.concat([labels, text.drop(labels.index)]).reindex(text.index)
    return result


def _decoded(names: pd.Series) -> pd.Series:
    """Percent-encoding undone where the bytes are UTF-8 without control characters; other names stay as they are."""
    encoded = names.str.contains(_ESCAPED, regex=True)
    result: pd.Series = pd.concat([names[~encoded], names[encoded].map(_unquoted)]).reindex(names.index)
    return result


def _unquoted(name: str) -> str:
    try:
        decoded = unquote_to_bytes(name).decode("utf-8")
    except UnicodeDecodeError:
        return name
    return decoded if decoded.isprintable() else name


def _last_words(ids: pd.Series, before: str) -> pd.Series:
    """``ids`` without what the pattern ``before`` matches, as words."""
    return ids.str.replace(before, "", regex=True).str.replace(r"[._]", " ", regex=True)
