"""The people behind the hotline: who can be rung, who is busy, and who waits for them."""
