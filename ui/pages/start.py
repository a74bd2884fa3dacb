"""Start: what this is, three questions worth asking first, and what is here to be asked."""

from __future__ import annotations

import streamlit as st

st.header("Ask a knowledge graph, and see which users speak for the answer", anchor=False)
