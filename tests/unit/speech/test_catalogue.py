"""The catalogue knows its models, and nothing but the right bytes counts as installed."""

import hashlib
from pathlib import Path

import pytest

from gateway.channel.speech import Unavailable
from gateway.speech.catalogue import Catalogue, Damaged, Installed, Missing, ModelError
from gateway.speech.loading import default_models_folder, load_recogniser

MANIFEST = """
[[models]]
id = "tiny"
engine = "whisper"
languages = ["zh"]
bandwidth = "wide"
licence = "MIT"
note = "for tests"
[[models.variants]]
id = "first"
[[models.variants.files]]
path = "model.bin"
size = {size}
sha256 = "{sha256}"
parts = [{{ type = "file", path = "nowhere.bin" }}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    digest = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "manifest.toml").write_text(MANIFEST.format(size=7, sha256=digest), "utf-8")
    return tmp_path


def install(folder: Path, content: bytes) -> None:
    (folder / "tiny").mkdir()
    (folder / "tiny" / "model.bin").write_bytes(content)


def test_the_shipped_catalogue_is_valid_and_has_two_sources_for_the_default_model() -> None:
    catalogue = Catalogue.read(default_models_folder())
    model = catalogue.get("whisper-base")
    assert len(model.variants) == 2
    assert len({variant.digest for variant in model.variants}) == 2
    assert model.smoke is not None
    assert (catalogue.folder / model.smoke.wav).is_file()


def test_a_model_that_was_never_fetched_is_missing(folder: Path) -> None:
    catalogue = Catalogue.read(folder)
    assert catalogue.inspect(catalogue.get("tiny")) == Missing()


def test_the_right_bytes_are_installed(folder: Path) -> None:
    install(folder, b"weights")
    catalogue = Catalogue.read(folder)
    state = catalogue.inspect(catalogue.get("tiny"))
    assert isinstance(state, Installed)
    assert (state.folder, state.variant.id) == (folder / "tiny", "first")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"weight", "6 bytes instead of 7"), (b"wEights", "wrong SHA-256")]
)
def test_a_single_wrong_byte_is_damage(folder: Path, content: bytes, reason: str) -> None:
    install(folder, content)
    catalogue = Catalogue.read(folder)
    state = catalogue.inspect(catalogue.get("tiny"))
    assert isinstance(state, Damaged)
    assert reason in state.reason


def test_a_file_that_is_gone_is_damage(folder: Path) -> None:
    (folder / "tiny").mkdir()
    catalogue = Catalogue.read(folder)
    assert catalogue.inspect(catalogue.get("tiny")) == Damaged(reason="model.bin is missing")


def test_the_reason_of_a_damage_speaks_of_the_variant_that_was_installed(folder: Path) -> None:
    manifest = folder / "manifest.toml"
    other = MANIFEST.split("[[models.variants]]")[1].replace("first", "second")
    text = other.format(size=8, sha256=hashlib.sha256(b"WEIGHTS!").hexdigest())
    head = MANIFEST.format(size=7, sha256=hashlib.sha256(b"weights").hexdigest())
    manifest.write_text(f"{head}[[models.variants]]{text}", "utf-8")
    install(folder, b"WEIGHTs!")
    catalogue = Catalogue.read(folder)
    assert catalogue.inspect(catalogue.get("tiny")) == Damaged(
        reason="model.bin has the wrong SHA-256"
    )


def test_an_unknown_model_names_the_known_ones(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"'huge'.*choose one of: tiny"):
        Catalogue.read(folder).get("huge")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('id = "tiny"', 'id = "../tiny"'),
        ('path = "model.bin"', 'path = "../model.bin"'),
        ('licence = "MIT"', 'license = "MIT"'),
        ('type = "file"', 'type = "ftp"'),
        ("[[models]]", "[[models"),
    ],
)
def test_a_wrong_manifest_is_refused(folder: Path, before: str, after: str) -> None:
    manifest = folder / "manifest.toml"
    manifest.write_text(manifest.read_text("utf-8").replace(before, after), "utf-8")
    with pytest.raises(ModelError, match=r"manifest\.toml"):
        Catalogue.read(folder)


def test_without_a_manifest_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read the model catalogue"):
        Catalogue.read(tmp_path)


def reason_of(model: str | None, folder: Path) -> str:
    found = load_recogniser(model, models=folder)
    assert isinstance(found, Unavailable)
    assert found.cure
    return found.reason


def test_a_gateway_without_a_model_knows_why(folder: Path) -> None:
    assert reason_of(None, folder) == "speech recognition is switched off"
    assert reason_of("tiny", folder) == "speech model tiny is not installed"
    assert "'huge'" in reason_of("huge", folder)
    assert "catalogue" in reason_of("tiny", folder / "elsewhere")


def test_a_damaged_model_is_never_loaded(folder: Path) -> None:
    install(folder, b"wEights")
    assert reason_of("tiny", folder) == (
        "speech model tiny is damaged: model.bin has the wrong SHA-256"
    )


def test_right_bytes_that_are_no_model_are_a_reason_too(folder: Path) -> None:
    install(folder, b"weights")
    assert reason_of("tiny", folder).startswith("speech model tiny does not load")
