"""Proposed facts judged by people: lists, decisions in a database, what is taken away, and what goes into the data."""
