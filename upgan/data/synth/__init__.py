"""Generated datasets of the paper's sizes, with planted taste: for scale tests, not for results."""
