"""Speech becomes text: voice activity, engines, and the catalogue of their models."""
