"""``hotline transcribe``: what is said in recordings, without a running gateway."""

import argparse
import sys
from pathlib import Path

from gateway.domain.transcript import Transcript

SUMMARY = "write down what is said in recordings"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="WAV, or anything that ffmpeg reads"
    )
    parser.add_argument("--model", default="whisper-base", help="default: %(default)s")
    parser.add_argument(
        "--language", default="zh", metavar="TAG", help="language spoken (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with times")
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="folder with the catalogue (default: asr_models)"
    )


def run(args: argparse.Namespace) -> int:
    """Transcribe each file; a file that cannot be read is reported and the rest go on."""
    import asyncio

    from gateway.channel.speech import Unavailable
    from gateway.cli import BAD_INPUT
    from gateway.domain.errors import GatewayError
    from gateway.speech.audio import read_audio
    from gateway.speech.catalogue import ModelError
    from gateway.speech.loading import load_recogniser
    from gateway.speech.transcription import transcribe

    recogniser = load_recogniser(args.model, models=args.models)
    if isinstance(recogniser, Unavailable):
        raise ModelError(recogniser.reason, recogniser.cure)
    failed = False
    try:
        for path in args.files:
            try:
                audio = read_audio(path)
                transcript = asyncio.run(
                    transcribe(
                        recogniser,
                        audio.pcm,
                        sample_rate=audio.sample_rate,
                        language=args.language,
                    )
                )
            except GatewayError as error:
                print(f"hotline: {error}", file=sys.stderr)
                failed = True
                continue
            label = f"{path}: " if len(args.files) > 1 else ""
            print(_as_json(path, transcript) if args.json else label + _one_line(transcript))
            sys.stdout.flush()
    finally:
        recogniser.close()
    return BAD_INPUT if failed else 0


def _one_line(transcript: Transcript) -> str:
    return " ".join(segment.text for segment in transcript.segments)


def _as_json(path: Path, transcript: Transcript) -> str:
    import msgspec

    document = {
        "file": str(path),
        "text": transcript.text,
        "language": transcript.language,
        "model": transcript.model,
        "duration_ms": transcript.duration_ms,
        "segments": [
            {
                "start_ms": segment.start_ms,
                "end_ms": segment.end_ms,
                "text": segment.text,
                "confidence": segment.confidence,
                "words": segment.words,
            }
            for segment in transcript.segments
        ],
    }
    return msgspec.json.encode(document).decode()
