"""The life of runs as everybody outside the training process sees it: read, started, stopped, deleted, compared.

Works on a run's files alone and never imports torch, so that the app and `upgan status` answer at once.
"""
