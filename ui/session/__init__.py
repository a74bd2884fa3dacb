"""What a session remembers and keeps: the view and its address, the caches, the checkpoint in use, the password."""
