"""The same small catalogue in every format that can be read: what the tests of readers and their fuzzing start from.

Three films, two people and a genre; u1 chose films 1 and 2, u2 films 2 and 3. Written by hand after each format's
documentation, because no public data set is part of the repository.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

TSV = {
    "triples.tsv": "head\trelation\ttail\nm1\tby\tp1\nm2\tby\tp1\nm3\tby\tp2\nm1\tgenre\tg1\n",
    "interactions.tsv": "user\titem\trating\ttimestamp\nu1\t1\t5\t100\nu1\t2\t2\t200\nu2\t2\t4\t300\nu2\t3\t3\t400\n",
    "links.tsv": "item\tentity\n1\tm1\n2\tm2\n3\tm3\n",
    "labels.tsv": "id\tlabel\nm1\tAlien\nm2\tBrazil\n",
}
CSV = {
    "train.csv": 'head,relation,tail\nm1,by,"p,1"\nm2,by,"p,1"\nm3,by,p2\n',
    "valid.csv": "head,relation,tail\nm1,genre,p2\n",
    "test.csv": "head,relation,tail\nm2,genre,p2\n",
    "interactions.csv": "user;item\nu1;m1\nu1;m2\nu2;m2\nu2;m3\n",
}
RECBOLE = {
    "d.kg": "head_id:token\trelation_id:token\ttail_id:token\nm1\tby\tp1\nm2\tby\tp1\nm3\tby\tp2\nm1\tgenre\tg1\n",
    "d.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    "u1\t1\t5\t100\nu1\t2\t2\t200\nu2\t2\t4\t300\nu2\t3\t3\t400\n",
    "d.link": "item_id:token\tentity_id:token\n1\tm1\n2\tm2\n3\tm3\n",
    "d.item": "item_id:token\tmovie_title:token_seq\n1\tAlien\n2\tBrazil\n3\tCube\n",
}
_NS = "http://rdf.freebase.com/ns/"
RELEASE = {
    "rs/u_map.dat": "0\tu1\n1\tu2\n",
    "rs/i_map.dat": "0\t11\n1\t12\n2\t13\n",
    "rs/i2kg_map.tsv": f"11\t{_NS}m.1\n12\t{_NS}m.2\n13\t{_NS}m.3\n",
    "rs/ratings.txt": "u1\t11\t5\t100\nu1\t12\t2\t200\nu2\t12\t4\t300\nu2\t13\t3\t400\n",
    "kg/e_map.dat": f"0\t{_NS}m.1\n1\t{_NS}m.2\n2\t{_NS}m.3\n3\t{_NS}m.p1\n4\t{_NS}m.p2\n5\t{_NS}m.g1\n",
    "kg/r_map.dat": f"0\t{_NS}film.film.written_by\n1\t{_NS}film.film.genre\n",
    "kg/train.dat": "0\t0\t3\n1\t0\t3\n2\t0\t4\n0\t1\t5\n",
    "kg/valid.dat": "1\t1\t5\n",
    "kg/test.dat": "2\t1\t5\n",
}
KGAT = {
    "train.txt": "0 0 1\n1 1\n",
    "test.txt": "0\n1 2\n",
    "kg_final.txt": "0 0 3\n1 0 3\n2 0 4\n0 1 5\n",
    "user_list.txt": "org_id remap_id\nuser one 0\nB2 1\n",
    "item_list.txt": "org_id remap_id freebase_id\n055 0 m.1\n056 1 m.2\n057 2 m.3\n",
    "entity_list.txt": "org_id remap_id\nm.1 0\nm.2 1\nm.3 2\nm.p1 3\nm.p2 4\nm.g1 5\n",
    "relation_list.txt": f"org_id remap_id\n{_NS}film.film.written_by 0\n{_NS}film.film.genre 1\n",
}
HETREC = {
    "user_artists.dat": "userID\tartistID\tweight\r\n2\t51\t13883\r\n2\t52\t11690\r\n4\t52\t300\r\n4\t53\t20\r\n",
    "artists.dat": "id\tname\turl\tpictureURL\r\n51\tDuran Duran\thttp://x/51\tp\r\n52\tMorcheeba\thttp://x/52\tp\r\n"
    "53\tBj\u00f6rk\thttp://x/53\t\r\n",
    "triples.tsv": "m1\tgenre\tg1\nm2\tgenre\tg1\nm3\tgenre\tg2\nm1\tfrom\tc1\n",
    "links.tsv": "51\tm1\n52\tm2\n53\tm3\n",
}
_DBR, _LABEL = "http://dbpedia.org/resource/", "http://www.w3.org/2000/01/rdf-schema#label"
NTRIPLES = {
    "graph.nt": f"""# films
<{_DBR}Alien_%28film%29> <http://dbpedia.org/ontology/writer> <{_DBR}Dan_O%27Bannon> .
<{_DBR}Brazil> <http://dbpedia.org/ontology/writer> _:p.1 . # somebody
_:p.1 <http://dbpedia.org/ontology/birthPlace> <{_DBR}K\\u00f6ln>.
<{_DBR}Cube><http://dbpedia.org/ontology/writer><{_DBR}Vincenzo_Natali> .
<{_DBR}Cube> <{_LABEL}> "Der W\\u00FCrfel"@de .
<{_DBR}Cube> <{_LABEL}> "Cube \\"1997\\""@en .
<{_DBR}Cube> <http://schema.org/name> "Cube" .
<{_DBR}Brazil> <http://dbpedia.org/ontology/runtime> "142.0"^^<http://www.w3.org/2001/XMLSchema#double> .
""",
    "interactions.tsv": "user\titem\nu1\ta\nu1\tb\nu2\tb\nu2\tc\n",
    "links.tsv": f"item\tentity\na\t{_DBR}Alien_%28film%29\nb\t{_DBR}Brazil\nc\t{_DBR}Cube\n",
}
#: The same four interactions.
_CHOSEN = (("u1", "m1"), ("u1", "m2"), ("u2", "m2"), ("u2", "m3"))
OPENKE = {
    "entity2id.txt": "6\nm1\t0\nm2\t1\nm3\t2\np1\t3\np2\t4\ng 1\t5\n",
    "relation2id.txt": "2\nby\t0\ngenre\t1\n",
    "train2id.txt": "3\n0 3 0\n1 3 0\n2 4 0\n",
    "valid2id.txt": "1\n0 5 1\n",
    "test2id.txt": "1\n1\t5\t1\n",
    "interactions.tsv": "user\titem\nu1\tm1\nu1\tm2\nu2\tm2\nu2\tm3\n",
}
NQUADS = {
    "graph.nq": "".join(
        f"<{_DBR}{h}> <http://x/{r}> <{_DBR}{t}>{g} .\n"
        for h, r, t, g in (
            ("m1", "by", "p1", ""),
            ("m2", "by", "p1", " <http://x/graph>"),
            ("m3", "by", "p2", " _:g"),
            ("m1", "genre", "g1", " <http://x/graph>"),
        )
    ),
    "interactions.tsv": "user\titem\n" + "".join(f"{u}\t{_DBR}{i}\n" for u, i in _CHOSEN),
}
TURTLE = {
    "graph.ttl": f"""@prefix d: <{_DBR}> .
@prefix x: <http://x/> .
d:m1 x:by d:p1 ;
     x:genre d:g1 ;
     <{_LABEL}> "A # \\"long\\" name"@en .
d:m2 x:by d:p1 . d:m3 x:by d:p2, [ x:from d:k ] .
""",
    "interactions.tsv": NQUADS["interactions.tsv"],
}
RDF_XML = {
    "graph.rdf": f"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE rdf:RDF [ <!ENTITY d "{_DBR}"> ]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/"
  xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#">
 <rdf:Description rdf:about="&d;m1">
  <x:by rdf:resource="&d;p1"/> <x:genre rdf:resource="&d;g1"/> <rdfs:label xml:lang="en">A &amp; B</rdfs:label>
 </rdf:Description>
 <x:Film rdf:about="&d;m2"><x:by rdf:resource="&d;p1"/></x:Film>
 <rdf:Description rdf:about="&d;m3"><x:by rdf:parseType="Resource"><x:from rdf:nodeID="k"/></x:by></rdf:Description>
</rdf:RDF>
""",
    "interactions.tsv": NQUADS["interactions.tsv"],
}
TRIG = {
    "graph.trig": TURTLE["graph.ttl"].replace("d:m1 x:by", "x:g {\nd:m1 x:by", 1) + "}\n",
    "interactions.tsv": NQUADS["interactions.tsv"],
}
NOTATION3 = {"graph.n3": TURTLE["graph.ttl"], "interactions.tsv": NQUADS["interactions.tsv"]}
JSON_LINES = {
    "triples.jsonl": "".join(
        f'{{"head": "{h}", "relation": "{r}", "tail": {t}}}\n'
        for h, r, t in (("m1", "by", '"p1"'), ("m2", "by", '"p1"'), ("m3", "by", '"p2"'), ("m1", "year", 1979))
    ),
    "interactions.jsonl": "".join(f'{{"user": "{u}", "item": "{i}", "stars": 4.0}}\n' for u, i in _CHOSEN),
}
JSON_LISTS = {
    "triples.json": "[" + ",\n".join(JSON_LINES["triples.jsonl"].splitlines()) + "]\n",
    "interactions.json": "[\n" + ", ".join(JSON_LINES["interactions.jsonl"].splitlines()) + "\n]",
}
MOVIELENS = {
    "train.txt": "m1,by,p1\nm2,by,p1\nm3,by,p2\nm1,genre,g1\n",
    "ratings.dat": "u1::m1::5::978300000\nu1::m2::2::978300001\nu2::m2::4::978300002\nu2::m3::3::978300003\n",
    "kinds.tsv": "m1\tfilm\nm2\tfilm\np1\tperson\n",
}
#: Names of FORMATS that are another spelling of a format.
_ALSO = dict.fromkeys(("csv", "jsonl", "json", "movielens", "more-tables"), "tsv")
_ALSO |= dict.fromkeys(("nquads", "turtle", "trig", "notation3", "rdfxml", "more-rdf"), "ntriples")
FORMATS: dict[str, dict[str, str]] = {
    "tsv": TSV,
    "csv": CSV,
    "recbole": RECBOLE,
    "release": RELEASE,
    "kgat": KGAT,
    "hetrec": HETREC,
    "ntriples": NTRIPLES,
    "nquads": NQUADS,
    "turtle": TURTLE,
    "openke": OPENKE,
    "jsonl": JSON_LINES,
    "rdfxml": RDF_XML,
    "trig": TRIG,
    "notation3": NOTATION3,
    "json": JSON_LISTS,
    "movielens": MOVIELENS,
}


def format_of(name: str) -> str:
    """The format that reads the files of that name in FORMATS."""
    return _ALSO.get(name, name)


def write_source(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files by their names; a name ending in .gz is compressed."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    return folder


def dump_of(facts: str, other: str = "") -> str:
    """Lines of Freebase's dump: "f1 property f2, ..." and ``other`` as it is."""
    rows = [row.split() for row in facts.replace("\n", " ").split(",")]
    return "".join(f"<{_NS}m.0{h}>\t<{_NS}{r}>\t<{_NS}m.0{t}>\t.\n" for h, r, t in rows) + other


def _parquet(rows: list[tuple[str, ...]], names: str) -> bytes:
    out = io.BytesIO()
    pd.DataFrame(rows, columns=names.split()).to_parquet(out)
    return out.getvalue()


#: What every reader of raw files takes, as bytes: FORMATS, what is no text, and other names of the same.
RAW: dict[str, dict[str, bytes]] = {
    **{name: {file: text.encode() for file, text in files.items()} for name, files in FORMATS.items()},
    "more-tables": {
        "triples.parquet": _parquet([("m1", "by", "p1"), ("m2", "by", "p1"), ("m3", "by", "p2")], "head relation tail"),
        "interactions.ndjson": JSON_LINES["interactions.jsonl"].encode(),
        "labels.parquet": _parquet([("m1", "Alien"), ("p1", "Dan O'Bannon")], "id label"),
    },
    "more-rdf": {
        "graph.owl": RDF_XML["graph.rdf"].encode(),
        "u.data": f"u1\t{_DBR}m1\t5\t100\nu2\t{_DBR}m2\t2\t200\n".encode(),
    },
    "kb4rec": {
        "ml2fb.txt": b"1\tm.0f1\n2\tm.0f2\n3\t/m/0f3\n",
        "ratings.csv": b"userId,movieId,rating,timestamp\nu1,1,4.0,1150000000\nu1,2,3.5,1150000000\nu2,2,1,\nu2,3,5,\n",
        "freebase-rdf": dump_of(
            "f1 film.film.directed_by p1, f2 film.film.directed_by p1, f3 film.film.genre g1, p1 people.person.from c1",
            f'<{_NS}m.0f1>\t<{_NS}type.object.name>\t"The \\"Film\\" \\u00e9"@en\t.\n',
        ).encode(),
    },
}
#: How a file may be packed: packing -> the ending of its name, and how.
PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": (".gz", lambda content: gzip.compress(content, mtime=0)),
    "bzip2": (".bz2", bz2.compress),
    "xz": (".xz", lzma.compress),
    "zstd": (".zst", lambda content: bytes(pa.compress(content, "zstd", asbytes=True))),
    "zip": (".zip", lambda content: zipped({"inside.tsv": content})),
}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
