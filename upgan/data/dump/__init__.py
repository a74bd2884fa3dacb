"""Dumps that do not fit memory: Freebase, Wikidata and their ratings."""
