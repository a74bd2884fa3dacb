"""The embedded book catalogue and its simulated users."""
