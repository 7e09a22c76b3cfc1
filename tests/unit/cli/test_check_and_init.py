"""A first configuration can be written and checked without a network."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

import gateway
from gateway import cli
from gateway.channel import discovery
from gateway.config import ChannelSettings, load, read_env_file

CONFIGS = Path(gateway.__file__).parent.parent / "config"


class Anything(ChannelSettings):
    """Stands for the channels' own settings, which their own tests check."""

    provider: str | None = None
    profile: str | None = None
    account_sid: str | None = None
    auth_token: SecretStr | None = None
    number: str | None = None


@pytest.fixture(autouse=True)
def _known_channels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kinds = {kind: SimpleNamespace(settings=Anything) for kind in ("voice", "sms", "web")}
    monkeypatch.setattr(discovery, "discover", lambda: kinds)
    monkeypatch.delenv("HOTLINE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def test_what_init_writes_passes_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "city"]) == 0
    assert "hotline check --config city/hotline.yaml" in capsys.readouterr().out
    assert cli.main(["check", "--config", "city/hotline.yaml"]) == 0
    assert capsys.readouterr().out == "ok: 1 channel, 0 endpoints\n"


def test_init_overwrites_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".env.example").write_text("mine", encoding="utf-8")
    assert cli.main(["init", "."]) == 2
    assert capsys.readouterr().err == (
        "hotline: .env.example exists already; name another folder or move it away\n"
    )
    assert Path(".env.example").read_text(encoding="utf-8") == "mine"
    assert not Path("hotline.yaml").exists()


def test_init_into_a_file_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("", encoding="utf-8")
    assert cli.main(["init", "file/x"]) == 2
    assert capsys.readouterr().err.startswith("hotline: cannot write into file/x: ")


def test_everything_switched_off_in_the_template_works_when_switched_on() -> None:
    text = (CONFIGS / "example.yaml").read_text(encoding="utf-8")
    everything = re.sub(r"^( *)#(?! \S)", r"\1", text, flags=re.MULTILINE)
    path = Path("hotline.yaml")
    path.write_text(everything, encoding="utf-8")
    names = read_env_file(CONFIGS / "example.env")
    config = load(
        path,
        channel_settings=dict.fromkeys(("voice", "sms", "web"), Anything),
        env=dict.fromkeys(names, "x" * 40),
    )
    assert {account.kind for account in config.channels} == {"voice", "sms", "web"}
    assert [endpoint.name for endpoint in config.endpoints] == ["casework"]
    assert config.redis.url
    assert config.site.secret_key


def test_the_example_environment_names_every_variable_of_the_template() -> None:
    text = (CONFIGS / "example.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{([A-Z_]+)\}", text)) - {"NAME"}
    assert used == set(read_env_file(CONFIGS / "example.env"))


def test_the_demo_configuration_needs_nothing_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--config", str(CONFIGS / "demo.yaml")]) == 0
    assert capsys.readouterr().out == "ok: 3 channels, 1 endpoint\n"


def test_findings_are_printed_as_they_are_and_end_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.yaml").write_text("sight: {}\n", encoding="utf-8")
    assert cli.main(["check", "--config", "bad.yaml"]) == 2
    shown = capsys.readouterr()
    assert "bad.yaml:1: sight: unknown key; did you mean site?\n" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[", b"{" * 9999, b"\x00"])
def test_a_damaged_file_is_one_clear_line(
    content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.yaml").write_bytes(content)
    assert cli.main(["check", "--config", "bad.yaml"]) == 2
    assert re.fullmatch(r"bad\.yaml:1: file: .+; .+\n", capsys.readouterr().out)


def test_without_any_configuration_the_cure_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check"]) == 2
    assert "write one with hotline init DIR" in capsys.readouterr().err


def test_the_environment_may_name_the_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLINE_CONFIG", str(CONFIGS / "demo.yaml"))
    assert cli.main(["check"]) == 0
    monkeypatch.setenv("HOTLINE_CONFIG", "absent.yaml")
    assert cli.main(["check"]) == 2
    assert "absent.yaml:1: file: cannot be read" in capsys.readouterr().out


def test_a_configuration_in_the_folder_comes_before_the_demo(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("config").mkdir()
    Path("config/demo.yaml").write_bytes((CONFIGS / "demo.yaml").read_bytes())
    assert cli.main(["check"]) == 0
    assert capsys.readouterr().err == "hotline: no hotline.yaml here, using config/demo.yaml\n"
    assert cli.main(["init", "."]) == 0
    assert cli.main(["check"]) == 0
    assert capsys.readouterr().err == ""


def test_a_dot_env_file_beside_the_configuration_is_read_and_the_environment_wins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("hotline.yaml").write_text(
        'site: {name: "${N}", jurisdiction: "${J}", public_url: "https://h"}\n', encoding="utf-8"
    )
    Path(".env").write_text("N=x\nJ=wrong\n", encoding="utf-8")
    assert cli.main(["check"]) == 2
    monkeypatch.setenv("J", "370100")
    assert cli.main(["check"]) == 0
    Path(".env").write_text("N=x\nnonsense\n", encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["check"]) == 2
    assert capsys.readouterr().out.startswith(".env:2: .env: is not NAME=value")
