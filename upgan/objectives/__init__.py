"""What a step minimises and how: losses, drawn candidates, batches of queries, optimisers."""
