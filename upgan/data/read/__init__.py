"""One file per source format, and the text streams they read from."""
