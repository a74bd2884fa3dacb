"""One widget each: what it shows and what it returns; no widget knows another."""
