"""What all formats of raw files are read with: text streams, tables, roles of columns, and the source they make."""
