"""Delivery: what happened to a draft reaches every endpoint, in order, at least once."""
