"""What a session remembers and keeps: the view and its address, the caches; and what registers itself."""
