"""Public sources of the three real datasets: what they are, under which licence, and fetching them."""
