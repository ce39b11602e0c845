"""Which acquisitions exist and which two make a pair."""
