"""Start: what this is, three questions worth asking first, and what is here to be asked."""

from __future__ import annotations

import streamlit as st

from ui import cache, state
from ui.components import checkpoint, overview
from ui.components.text import plain
from ui.services import datasets
from ui.services.machine import machine_facts
from ui.services.runs import checkpoint_root, list_runs
from ui.services.view import PARAMETERS
from upgan.errors import UpganError
from upgan.render.words import clean

#: A link from before there was a start page, or one written by hand, names what to ask: go there.
if any(name in st.query_params for name in PARAMETERS):
    named = {name: st.query_params.get_all(name) for name in PARAMETERS if name in st.query_params}
    st.switch_page("ui/pages/ask.py", query_params=named)

st.header("Ask a knowledge graph, and see which users speak for the answer", anchor=False)
st.markdown(
    "A knowledge graph has holes. UPGAN proposes what belongs there, from the graph's own facts and from what users "
    "chose, and shows for every answer how much each user had to do with it."
)
root = checkpoint_root()
entries = list_runs(root)
ready = {entry.name: entry for entry in entries if entry.problem is None}
if not ready:
    checkpoint.none_at_all(str(root))
    checkpoint.broken(entries)
    st.stop()

name = state.link_checkpoint()
name = name if name in ready else next(iter(ready))
try:
    opened = cache.predictor(ready[name])
except UpganError as error:
    st.error(plain(clean(str(error))), icon=":material/error:")
else:
    overview.cards(cache.cards(opened, name), name)
overview.checkpoints(entries)
overview.data(datasets.list_datasets(datasets.data_root(), list(ready.values())))
overview.machine(machine_facts())
checkpoint.broken(entries)
