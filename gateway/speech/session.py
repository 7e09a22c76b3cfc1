"""A loaded engine behind the gate, shared by every call.

The gate has a thread of its own, because "the caller fell silent" must be known in time even when
every decoder is busy. A session has at most one utterance being decoded, so one long call cannot
take all cores.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gateway.channel.speech import EngineInfo, Feature
from gateway.domain.errors import GatewayError
from gateway.speech.admission import Admission, Unwatched, Watch
from gateway.speech.endpointing import LIVE, RECORDED, Endpointing, Samples, VoiceDetector
from gateway.speech.engine import Closing, Decode, Decoded, Effort, Engine
from gateway.speech.gate import Gate
from gateway.speech.hearers import Hearer, Redecoding, Streaming
from gateway.speech.lexicon import Lexicon
from gateway.speech.listening import GatedSession
from gateway.speech.streaming import StreamingEngine
from gateway.speech.text import Guard, TextForm

_RATES = range(4000, 192_001)
_MARK = re.compile(r"[,.，。、?？!！;；:：]")


class GatedRecogniser:
    """A Recogniser: any engine behind the voice-activity gate.

    ``detector`` gives a new judge of voices for a stream of so many Hz; ``partials`` false saves
    the CPU time of provisional texts.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        detector: Callable[[int], VoiceDetector],
        workers: int,
        live: Endpointing = LIVE,
        recorded: Endpointing = RECORDED,
        lexicon: Lexicon | None = None,
        partials: bool = True,
        watch: Watch | None = None,
    ) -> None:
        self._engine = engine
        self._lexicon = lexicon or Lexicon()
        self._form = TextForm(Guard(self._lexicon.places))
        self._detector = detector
        self._live = live
        self._recorded = recorded
        self._partials = partials
        self._watch = watch or Unwatched()
        self._admission = Admission(watch=self._watch)
        self._gates = ThreadPoolExecutor(1, "speech-gate")
        self._decoders = ThreadPoolExecutor(workers, "speech-decoder")

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        return self._engine.info

    @property
    def engine(self) -> Engine:
        """What stands behind the gate."""
        return self._engine

    def session(
        self,
        *,
        sample_rate: int,
        language: str,
        entry: str | None = None,
        topic: str | None = None,
        thorough: bool = False,
        news: Callable[[], None] | None = None,
    ) -> GatedSession:
        """Start to listen; see the Recogniser port."""
        if sample_rate not in _RATES:
            raise GatewayError(
                f"cannot recognise audio at {sample_rate} Hz", "send 8000 or 16000 Hz"
            )
        hotwords = self._lexicon.words(entry, topic)
        return GatedSession(
            gate=Gate(
                self._detector(sample_rate),
                rules=self._recorded if thorough else self._live,
                sample_rate=sample_rate,
                live=self._partials and not thorough,
            ),
            hearer=self._hearer(language, hotwords, thorough=thorough),
            gates=self._gates,
            decoders=self._decoders,
            admission=self._admission,
            watch=self._watch,
            live=not thorough,
            news=news,
        )

    def close(self) -> None:
        """Stop the threads, after the utterances that are being decoded."""
        self._gates.shutdown(cancel_futures=True)
        self._decoders.shutdown(cancel_futures=True)
        if isinstance(self._engine, Closing):
            self._engine.close()

    def _hearer(self, language: str, hotwords: tuple[str, ...], *, thorough: bool) -> Hearer:
        engine = self._engine
        effort = Effort.THOROUGH if thorough else Effort.USUAL
        # Asked for in either case: it refuses a language that the engine does not know.
        final = engine.decoder(language=language, hotwords=hotwords, effort=effort)
        if isinstance(engine, StreamingEngine) and not thorough:
            return Streaming(
                lambda: engine.stream(language=language, hotwords=hotwords),
                written=lambda heard: self._written(heard, language),
            )
        sketch = engine.decoder(language=language, hotwords=hotwords, effort=Effort.SKETCH)
        return Redecoding(sketch=sketch, final=self._writing(final, language))

    def _writing(self, decode: Decode, language: str) -> Decode:
        def write(audio: Samples) -> Decoded | None:
            return self._written(decode(audio), language)

        return write

    def _written(self, heard: Decoded | None, language: str) -> Decoded | None:
        """Return what was heard in the form people write; ``text_raw`` stays."""
        if heard is None:
            return None
        # An engine that can set marks does not always: then the pauses set them, as for any other.
        punctuation = Feature.PUNCTUATION in self.info.features and bool(_MARK.search(heard.text))
        return self._form(heard, language=language, punctuation=punctuation)
