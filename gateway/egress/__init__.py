"""Guarded outgoing HTTP: the one way the gateway calls a URL."""
