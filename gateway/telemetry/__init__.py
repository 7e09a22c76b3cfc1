"""Floor 2: what the gateway tells those who run it; never anything about a citizen."""
