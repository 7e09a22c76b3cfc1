"""What is wrong at the start is one clear line with its cure and exit code 2, never a traceback.

A missing secret, a port in use and a newer database are tried in ``demo/test_serve.py``.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.speech.loading import default_models_folder
from gateway.store import schema
from gateway.store.opening import open_store
from tests.peers.ports import free_port

ROOT = Path(__file__).parents[3]
COMPILED = Path(tempfile.gettempdir()) / f"hotline-tests-{os.getuid()}"
"""Most of a start is compiling, where the environment forbids to keep what was compiled."""
LIMIT_S = 60.0
SID = "AC" + "0" * 32
KEY = "site-key-of-the-tests-32-characters-long"
PLAIN = """\
site: {name: Test, jurisdiction: "370100", public_url: "http://127.0.0.1:12345"}
channels:
  - {kind: web, account: site}
"""
TELEPHONE = f"""\
site: {{name: Test, jurisdiction: "370100", public_url: "http://127.0.0.1:12345"}}
channels:
  - {{kind: voice, account: main, provider: twiml, account_sid: {SID}, auth_token: "${{TOKEN}}"}}
"""


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(COMPILED), **more}


def hotline(*words: str, before: str = "") -> list[str]:
    """The command line of one ``hotline`` process; ``before`` runs first, inside it."""
    program = f"import sys\n{before}\nfrom gateway import cli\nsys.exit(cli.main())"
    return [sys.executable, "-c", program, *words]


def refused(command: Sequence[str], folder: Path, **env: str) -> str:
    """Run a command that must not succeed and return what it says."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    return done.stderr


def one_line(said: str) -> str:
    """The one line of a refusal: what is wrong, then the cure."""
    (line,) = said.splitlines()
    assert line.startswith("hotline: ")
    assert "; " in line
    return line


@contextmanager
def running(command: Sequence[str], folder: Path, **env: str) -> Iterator["subprocess.Popen[str]"]:
    """A gateway that has said it is ready; stopped at the end, which it must survive in order."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready http://127.0.0.1:")
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with a configuration that would do."""
    (tmp_path / "hotline.yaml").write_text(PLAIN, encoding="utf-8")
    return tmp_path


def serve(*words: str, before: str = "") -> list[str]:
    return hotline("serve", "--port", "0", *words, before=before)


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_key(
    place: Path, command: str
) -> None:
    text = PLAIN.replace("jurisdiction", "jurisdicton")
    (place / "hotline.yaml").write_text(text, encoding="utf-8")
    assert "hotline: hotline.yaml:1: site.jurisdicton: unknown key; did you mean jurisdiction?" in (
        refused(hotline(command), place).splitlines()
    )


def test_a_second_process_on_one_database_is_refused(place: Path) -> None:
    with running(serve(), place) as first:
        line = one_line(refused(serve(), place))
    assert "hotline.db is used by another gateway process; " in line
    assert first.returncode == 0


def test_a_server_that_is_not_there_is_named_without_its_password(place: Path) -> None:
    url = f"postgresql://hotline:${{SECRET}}@127.0.0.1:{free_port()}/hotline"
    (place / "hotline.yaml").write_text(f'{PLAIN}store: {{url: "{url}"}}\n', encoding="utf-8")
    line = one_line(refused(serve(), place, SECRET="do-not-show"))
    assert "the PostgreSQL server does not answer; check store.url" in line
    assert "do-not-show" not in line


@pytest.mark.parametrize(
    ("key", "what"),
    [("", "the gateway's own key data/secret.key"), (KEY, "the database data/hotline.db")],
    ids=["the key comes first", "then the database"],
)
def test_a_data_directory_that_cannot_be_is_named(place: Path, key: str, what: str) -> None:
    (place / "data").write_text("a file", encoding="utf-8")
    text = PLAIN.replace("site: {", 'site: {secret_key: "${KEY:-}", ') if key else PLAIN
    (place / "hotline.yaml").write_text(text, encoding="utf-8")
    line = one_line(refused(serve(), place, KEY=key))
    assert what in line
    assert "writable" in line


@pytest.fixture
async def used_place(place: Path) -> Path:
    """The same after a first run: there is a database."""
    store = await open_store(f"sqlite:///{place}/data/hotline.db")
    await store.close()
    return place


def test_a_database_of_an_older_gateway_is_refused(used_place: Path) -> None:
    tomorrow = used_place / "migrations"
    shutil.copytree(schema._MIGRATIONS, tomorrow)
    (tomorrow / "versions" / "9998_tomorrow.py").write_text("", encoding="utf-8")
    before = (
        "from pathlib import Path\n"
        "from gateway.store import schema\n"
        f"schema._MIGRATIONS = Path({str(tomorrow)!r})"
    )
    line = one_line(refused(serve(before=before), used_place))
    assert line.endswith("this version needs 9998; back it up, then run: hotline migrate")


@pytest.fixture(params=["missing", "damaged"])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of models in which the default one cannot be used."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(default_models_folder() / "manifest.toml", folder)
    if request.param == "damaged":
        (folder / "whisper-base").mkdir()
        (folder / "whisper-base" / "model.bin").write_bytes(b"half of it")
    return folder


def test_a_gateway_without_its_model_records_and_says_so(place: Path, models: Path) -> None:
    (place / "hotline.yaml").write_text(TELEPHONE, encoding="utf-8")
    before = (
        "from pathlib import Path\n"
        "from gateway.speech import loading\n"
        f"loading.default_models_folder = lambda: Path({str(models)!r})"
    )
    with running(serve(before=before), place, TOKEN="t" * 32) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
    assert "speech.unavailable" in line
    assert "speech model whisper-base is " in line
    assert "hotline models fetch whisper-base" in line


def test_transcribing_without_its_model_is_refused(place: Path, models: Path) -> None:
    line = one_line(refused(hotline("transcribe", "a.wav", "--models", str(models)), place))
    assert line.startswith("hotline: speech model whisper-base is ")
    assert line.endswith("; run: hotline models fetch whisper-base")
