"""How fast this is, each part beside a reference that runs in the same process, in turn with it."""
