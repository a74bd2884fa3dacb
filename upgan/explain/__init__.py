"""Why an answer: exact parts of its score, contrasts, what-if, smallest sets."""
