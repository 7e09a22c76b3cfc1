"""Tells citizens what became of their contact: in their language, and never twice blindly."""
