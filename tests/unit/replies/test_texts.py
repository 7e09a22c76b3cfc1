"""The words sent to citizens are checked before the first of them goes out."""

from pathlib import Path

import pytest

from gateway.config import InvalidConfig
from gateway.replies.texts import default_texts_folder, load_texts

GOOD = "ack: 受理编号{receipt_no}，提取码{query_code}\n"


def folder(tmp_path: Path, **files: str) -> Path:
    for name, content in files.items():
        (tmp_path / f"{name}.yaml").write_text(content, encoding="utf-8")
    return tmp_path


def findings(path: Path, usual: str = "zh") -> list[str]:
    with pytest.raises(InvalidConfig) as invalid:
        load_texts(path, usual=usual)
    return [str(one).removeprefix(f"{path}/") for one in invalid.value.findings]


def test_the_texts_that_come_with_the_gateway_are_complete() -> None:
    texts = load_texts(usual="en-GB")
    assert sorted(texts.templates) == ["en", "zh"]
    assert texts.usual == "en"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_acknowledgement_tells_who_and_both_numbers(language: str) -> None:
    text = load_texts().compose(
        "ack", language, site="市民热线", receipt_no="2611210000018", query_code="204816"
    )
    assert all(said in text for said in ("市民热线", "2611210000018", "204816"))


def test_the_chinese_acknowledgement_fits_one_sms() -> None:
    text = load_texts().compose(
        "ack",
        "zh-CN",
        site="12345 政务服务便民热线",
        receipt_no="2611210000018",
        query_code="204816",
    )
    assert len(text) <= 70


@pytest.mark.parametrize(
    ("tag", "language"),
    [("zh-CN", "zh"), ("EN-us", "en"), ("en", "en"), ("fr", "zh"), (None, "zh"), ("", "zh")],
)
def test_a_language_that_is_not_on_offer_gets_the_usual_one(tag: str | None, language: str) -> None:
    assert load_texts().language_for(tag) == language


def test_a_site_name_with_braces_is_only_a_name() -> None:
    text = load_texts().compose(
        "ack", "zh", site="{receipt_no}", receipt_no="1234567890", query_code="204816"
    )
    assert "{receipt_no}" in text


def test_a_city_may_bring_its_own_texts(tmp_path: Path) -> None:
    texts = load_texts(folder(tmp_path, zh=GOOD))
    assert texts.compose("ack", "en", site="", receipt_no="1", query_code="2") == (
        "受理编号1，提取码2"
    )


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (GOOD + "akc: x\n", "zh.yaml:2: akc: unknown key; did you mean ack?"),
        ("", "zh.yaml:1: ack: has no text; write the text"),
        ("ack:\n", "zh.yaml:1: ack: has no text; write the text"),
        ("ack: [a]\n", "zh.yaml:1: ack: has no text; write the text"),
        ("- ack\n", "zh.yaml:1: file: is not a list of keys; start it with ack:"),
        (
            "\nack: '{receipt_no}'\n",
            "zh.yaml:2: ack: does not tell {query_code}; "
            "the citizen learns it here and nowhere else",
        ),
        (
            "ack: '{receipt_no}{query_code}{recept_no}'\n",
            "zh.yaml:1: ack: has the unknown placeholder {recept_no}; did you mean receipt_no?",
        ),
        (
            "ack: '{receipt_no}{query_code'\n",
            "zh.yaml:1: ack: has a single brace; write {{ or }} for a brace that is meant",
        ),
        (
            "ack: '{receipt_no!r}{query_code}'\n",
            "zh.yaml:1: ack: formats a placeholder; write the name alone between the braces",
        ),
        (
            f"ack: '{{receipt_no}}{{query_code}}{'x' * 500}'\n",
            "zh.yaml:1: ack: is longer than 500 characters; shorten it",
        ),
    ],
)
def test_every_mistake_names_its_line_and_cure(tmp_path: Path, content: str, finding: str) -> None:
    assert findings(folder(tmp_path, zh=content)) == [finding]


def test_what_is_not_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    (finding,) = findings(folder(tmp_path, zh="ack: 'x\n"))
    assert finding.startswith("zh.yaml:")
    assert "is not YAML" in finding


def test_a_file_that_is_no_language_is_a_mistake(tmp_path: Path) -> None:
    (finding,) = findings(folder(tmp_path, zh=GOOD, chinese=GOOD))
    assert finding.startswith("chinese.yaml:1: file: is not named after a language")


def test_the_language_of_the_site_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"en: has no texts; write en\.yaml"):
        load_texts(folder(tmp_path, zh=GOOD), usual="en-GB")


def test_a_folder_that_is_missing_is_one_clear_finding(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="zh: has no texts"):
        load_texts(tmp_path / "nowhere")


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    (folder(tmp_path, en=GOOD) / "zh.yaml").mkdir()
    assert findings(tmp_path) == ["zh.yaml:1: file: cannot be read; let the gateway's user read it"]


def test_the_shipped_folder_is_found_wherever_the_program_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (default_texts_folder() / "zh.yaml").is_file()
