"""One folder per channel: pure translators between a provider's bytes and the gateway's events."""
