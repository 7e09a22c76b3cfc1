"""``hotline prompts``: what the telephone says, listed and rendered."""

import argparse
from pathlib import Path

SUMMARY = "list the telephone's prompts and render those without a recording"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every prompt, its words and what its file is")
    rendering = actions.add_parser(
        "render",
        help="let a text-to-speech program speak the prompts that have no recording",
        description="Speak every prompt whose file is missing or was rendered from another text. "
        "A person's recording is never replaced.",
    )
    rendering.add_argument(
        "--engine",
        required=True,
        metavar="COMMAND",
        help="program that reads a text and writes a WAV file; {file}, {voice} and {language} "
        "are filled in, e.g. 'espeak-ng -v {language} -w {file} --stdin'",
    )
    rendering.add_argument(
        "--again", action="store_true", help="also those rendered before (never recordings)"
    )
    for command in (listing, rendering):
        command.add_argument(
            "--folder", type=Path, metavar="DIR", help="the city's prompts (default: the shipped)"
        )
        command.add_argument(
            "--flow",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="also the prompts whose text this flow gives; can be repeated",
        )
        command.add_argument("--language", action="append", default=[], help="only this language")
        command.add_argument("--only", action="append", default=[], metavar="NAME")


def run(args: argparse.Namespace) -> int:
    """Run the chosen sub-command."""
    from channels.voice.ivr.reading import load
    from channels.voice.prompts import SHIPPED, SHIPPED_FLOW
    from channels.voice.prompts.rendering import (
        Program,
        PromptFolder,
        Standing,
        render,
    )
    from channels.voice.prompts.texts import read_texts

    shipped = read_texts().with_more(load(SHIPPED_FLOW).texts())
    texts = shipped
    for flow in args.flow:
        texts = texts.with_more(load(flow).texts())
    engine = getattr(args, "engine", "")
    folder = PromptFolder(args.folder or SHIPPED, texts, shipped=shipped)
    listed = list(folder.listed(languages=args.language, names=args.only))
    if args.action == "list":
        for one in listed:
            print(f"{one.language}/{one.name}  {one.standing}  {one.text}")
        return 0
    wanted = {Standing.MISSING, Standing.OUTDATED}
    if args.again:
        wanted.add(Standing.RENDERED)
    todo = [one for one in listed if one.standing in wanted]
    for done, (one, seconds) in enumerate(render(folder, todo, Program(engine).speak), start=1):
        print(f"[{done}/{len(todo)}] {one.path}  {seconds:.1f} s", flush=True)
    print(f"{len(todo)} rendered, {len(listed) - len(todo)} left as they were")
    return 0
