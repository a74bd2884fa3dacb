"""The systems that UPGAN is compared with, behind the same training, evaluation and run folder."""
