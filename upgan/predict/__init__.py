"""A finished run answers: ranked candidates, missing triples, cases worth looking at."""
