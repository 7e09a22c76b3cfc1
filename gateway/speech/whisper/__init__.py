"""Whisper: our own small decoder over CTranslate2's encoder and generator."""

from gateway.speech.whisper.engine import WhisperEngine

__all__ = ["WhisperEngine"]
