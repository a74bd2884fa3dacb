"""Widgets and messages that pages and panels are made of."""
