"""Loads the engine of a model: one library each, and only the one that is needed."""

from pathlib import Path

from gateway.speech.catalogue import Model, ModelError
from gateway.speech.engine import Engine


def load_engine(model: Model, folder: Path, *, digest: str, workers: int) -> Engine:
    """Load what is in ``folder``; takes seconds. Raises ModelError when it does not load."""
    # Each takes a second to import, and all but one are extras.
    languages = frozenset(model.languages)
    match model.engine:
        case "whisper":
            from gateway.speech.whisper import WhisperEngine

            return WhisperEngine(folder, model=model.id, digest=digest, workers=workers)
        case "vosk":
            from gateway.speech.vosk import VoskEngine

            return VoskEngine(folder, model=model.id, digest=digest, languages=languages)
        case "sherpa":
            from gateway.speech.sherpa import sherpa_engine

            return sherpa_engine(
                folder, kind=model.kind, model=model.id, digest=digest, languages=languages
            )
        case "silero":
            raise ModelError(
                f"{model.id} finds voices and knows no words", "name another model in speech.model"
            )
