"""What preparation does to raw ids: filters, relations, numbering, split."""
