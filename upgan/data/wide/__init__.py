"""What a shop or a library exports, one row an item and a table of who chose what, as a catalogue of facts.

``tables`` reads files into columns, ``guess`` says what each column may be, ``mapping`` is what a person corrects and
keeps (map.toml), ``build`` makes facts of both, ``run`` goes the whole way.
"""
