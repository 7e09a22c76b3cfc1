"""``hotline asr-eval``: how well models hear this city's own calls, and what that costs."""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.domain.errors import GatewayError
    from gateway.speech.audio import Audio
    from gateway.speech.evaluation import Measured
    from gateway.speech.lexicon import Lexicon
    from gateway.speech.session import GatedRecogniser

SUMMARY = "measure speech models on recordings whose words are known"

COLUMNS = (
    *("model", "lexicon", "line", "files", "seconds", "characters", "cer_percent", "numbers"),
    *("numbers_percent", "names", "names_percent", "cpu_rtf"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="recordings, and for each NAME.wav a NAME.txt"
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME",
        help="model of the catalogue; may be given several times (default: whisper-base)",
    )
    parser.add_argument(
        "--lexicon",
        action="append",
        type=Path,
        metavar="FILE",
        help="words of the city: measure without and with them; may be given several times",
    )
    parser.add_argument(
        "--language", default="zh", metavar="TAG", help="language spoken (default: %(default)s)"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the rows as CSV")
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="folder with the catalogue (default: asr_models)"
    )


def run(args: argparse.Namespace) -> int:
    """Print one row for each model, line and lexicon; what cannot be used is told and left out."""
    from gateway.cli import BAD_INPUT
    from gateway.domain.errors import GatewayError
    from gateway.speech.lexicon import Lexicon, load_lexicon

    lexicon = load_lexicon(args.lexicon, jurisdiction=_ANYWHERE) if args.lexicon else Lexicon()
    if args.csv is not None:
        _write(args.csv, ())  # before an hour of measuring, not after it
    clips, complaints = _clips(args.folder)
    if not clips:
        for complaint in complaints:
            _tell(complaint)
        raise GatewayError(
            f"{args.folder}: there is no recording with its words",
            "put NAME.txt with the words beside each NAME.wav",
        )
    rows: list[Measured] = []
    try:
        for row in _measured(args, clips, lexicon, complaints):
            if not rows:
                print(_HEAD)
            rows.append(row)
            print(_line(row), flush=True)
    finally:
        for complaint in complaints:
            _tell(complaint)
    if args.csv is not None:
        _write(args.csv, rows)
    return BAD_INPUT if complaints else 0


# The lexicon's tables are taken whole: a folder of recordings has no division code.
_ANYWHERE = ""


def _clips(folder: Path) -> "tuple[list[tuple[Audio, str]], list[GatewayError]]":
    from gateway.speech.audio import AudioError, read_audio
    from gateway.speech.evaluation import samples_in

    samples, unpaired = samples_in(folder)
    complaints: list[GatewayError] = list(unpaired)
    clips = []
    for sample in samples:
        try:
            clips.append((read_audio(sample.path), sample.said))
        except AudioError as error:
            complaints.append(error)
    return clips, complaints


def _measured(
    args: argparse.Namespace,
    clips: "Sequence[tuple[Audio, str]]",
    lexicon: "Lexicon",
    complaints: "list[GatewayError]",
) -> "Iterator[Measured]":
    from gateway.speech.evaluation import measure
    from gateway.speech.line import Line
    from gateway.speech.scoring import Scorer

    scorer = Scorer(args.language, (*lexicon.places, *lexicon.agencies))
    for model in args.model or ["whisper-base"]:
        for told in (False, True) if args.lexicon else (False,):
            recogniser = _recogniser(model, args.models, lexicon if told else None)
            try:
                yield from measure(
                    recogniser,
                    clips,
                    lines=tuple(Line),
                    scorer=scorer,
                    language=args.language,
                    lexicon=told,
                    failed=complaints,
                )
            finally:
                recogniser.close()


def _recogniser(model: str, models: Path | None, lexicon: "Lexicon | None") -> "GatedRecogniser":
    from gateway.channel.speech import Unavailable
    from gateway.speech.catalogue import ModelError
    from gateway.speech.loading import load_recogniser

    recogniser = load_recogniser(model, models=models, workers=1, lexicon=lexicon)
    if isinstance(recogniser, Unavailable):
        raise ModelError(recogniser.reason, recogniser.cure)
    return recogniser


_HEAD = (
    f"{'model':<24} {'lexicon':<8} {'line':<28} {'files':>5} {'seconds':>8} "
    f"{'CER %':>6} {'numbers':>12} {'names':>12} {'CPU-RTF':>8}"
)


def _line(row: "Measured") -> str:
    score = row.score
    return (
        f"{row.model:<24} {'with' if row.lexicon else 'without':<8} {row.line:<28} "
        f"{row.files:>5} {row.seconds:>8.1f} {_percent(score.error_rate):>6} "
        f"{_share(score.numbers_found, score.numbers):>12} "
        f"{_share(score.names_found, score.names):>12} {row.cpu_rtf:>8.3f}"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _share(found: int, all_of_them: int) -> str:
    return f"{found} of {all_of_them}" if all_of_them else "-"


def _write(path: Path, rows: "Sequence[Measured]") -> None:
    from gateway.domain.errors import GatewayError

    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for row in rows:
                score = row.score
                writer.writerow(
                    (
                        row.model,
                        "with" if row.lexicon else "without",
                        row.line,
                        row.files,
                        f"{row.seconds:.1f}",
                        score.characters,
                        _percent(score.error_rate),
                        score.numbers,
                        _percent(score.number_recall),
                        score.names,
                        _percent(score.name_recall),
                        f"{row.cpu_rtf:.3f}",
                    )
                )
    except OSError as error:
        raise GatewayError(
            f"{path}: cannot be written ({error.strerror})", "name another file with --csv"
        ) from error


def _tell(complaint: "GatewayError") -> None:
    print(f"hotline: {complaint}", file=sys.stderr)
