"""The command line: one clear line on bad input, never a traceback."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from gateway import __version__, cli
from gateway.domain.errors import GatewayError

Run = Callable[[argparse.Namespace], int]


@pytest.fixture
def only_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Replace the commands of the folder by one called ``try-me``."""

    def install(run: Run) -> None:
        def configure(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("--count", type=int, default=1)

        fake = SimpleNamespace(SUMMARY="a command for this test", configure=configure, run=run)
        monkeypatch.setattr(cli, "commands", lambda: {"try-me": "fake"})
        monkeypatch.setattr(cli, "command", lambda _module: fake)

    return install


def fails_with(error: BaseException) -> Run:
    def run(_args: argparse.Namespace) -> int:
        raise error

    return run


def test_the_commands_of_the_folder_are_found_with_dashes_in_their_names() -> None:
    found = cli.commands()
    assert found["check"] == "gateway.cli.check"
    assert not [name for name in found if "_" in name]
    assert list(found) == sorted(found)


@pytest.mark.parametrize("module", cli.commands().values())
def test_every_command_has_a_one_line_summary_and_both_functions(module: str) -> None:
    found = cli.command(module)
    assert found.SUMMARY.strip()
    assert "\n" not in found.SUMMARY
    assert callable(found.configure)
    assert callable(found.run)


@pytest.mark.parametrize("name", cli.commands())
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert f"usage: hotline {name}" in capsys.readouterr().out


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in cli.commands() if name not in shown] == []


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"hotline {__version__}\n"


def test_the_exit_code_of_the_command_is_the_exit_code_of_the_process(
    only_command: Callable[[Run], None],
) -> None:
    only_command(lambda args: int(args.count))
    assert cli.main(["try-me", "--count", "7"]) == 7


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "hotline: no command given; hotline --help lists them\n"),
        (["chek"], "hotline: there is no command 'chek'; did you mean check?\n"),
        (["zzzz"], "hotline: there is no command 'zzzz'; hotline --help lists the commands\n"),
        (
            ["check", "--nonsense"],
            "hotline: hotline check: unrecognized arguments: --nonsense; "
            "see hotline check --help\n",
        ),
    ],
)
def test_a_mistyped_command_line_ends_with_one_line_and_the_cure(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert capsys.readouterr().err == line


def test_a_known_failure_is_one_line_with_its_cure(
    only_command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    only_command(fails_with(GatewayError("port 12345 is in use", "choose another with --port")))
    assert cli.main(["try-me"]) == 2
    assert capsys.readouterr() == (
        "",
        "hotline: port 12345 is in use; choose another with --port\n",
    )


def test_known_failures_of_a_task_group_are_one_line_each(
    only_command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    inner = ExceptionGroup("inner", [GatewayError("b", "y")])
    only_command(fails_with(ExceptionGroup("outer", [GatewayError("a", "x"), inner])))
    assert cli.main(["try-me"]) == 2
    assert capsys.readouterr().err == "hotline: a; x\nhotline: b; y\n"


def test_an_unknown_failure_in_a_task_group_is_not_passed_off_as_a_known_one(
    only_command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    only_command(fails_with(ExceptionGroup("both", [GatewayError("a", "x"), ValueError("v")])))
    assert cli.main(["try-me"]) == 70
    assert "unexpected ExceptionGroup" in capsys.readouterr().err


def test_an_unexpected_failure_shows_an_id_and_neither_traceback_nor_values(
    only_command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_args: argparse.Namespace) -> int:
        raise KeyError("+8613800138000")

    only_command(run)
    assert cli.main(["try-me"]) == 70
    first = capsys.readouterr().err
    assert first.startswith("hotline: unexpected KeyError (error id ")
    assert first.count("\n") == 1
    assert "13800138000" not in first
    cli.main(["try-me"])
    assert capsys.readouterr().err == first


@pytest.mark.parametrize("how", ["--debug", "HOTLINE_DEBUG"])
def test_the_traceback_is_shown_on_request(
    how: str,
    only_command: Callable[[Run], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_command(fails_with(KeyError("x")))
    if how == "HOTLINE_DEBUG":
        monkeypatch.setenv(how, "1")
    assert cli.main(["try-me", *([how] if how == "--debug" else [])]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_ends_with_130_and_no_noise(
    only_command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    only_command(fails_with(KeyboardInterrupt()))
    assert cli.main(["try-me"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_goes_away_causes_no_traceback() -> None:
    program = (
        "import sys; from gateway import cli; from types import SimpleNamespace as N\n"
        "fake = N(SUMMARY='s', configure=lambda p: None, "
        "run=lambda a: sum(print('x' * 99) or 0 for _ in range(9999)))\n"
        "cli.commands = lambda: {'flood': 'fake'}; cli.command = lambda m: fake\n"
        "sys.exit(cli.main(['flood']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_asking_for_one_command_does_not_import_the_others() -> None:
    program = (
        "import sys; from gateway.cli import main; main(['check', '--help']); "
        "loaded = [m for m in sys.modules if m.startswith(('gateway.', 'channels.'))]; "
        "print(sorted(loaded), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "gateway.cli.check" in done.stderr
    for heavy in ("gateway.cli.init", "gateway.web", "gateway.store", "gateway.config"):
        assert heavy not in done.stderr
