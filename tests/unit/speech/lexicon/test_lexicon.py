"""A lexicon is read from lists and tables, and every mistake in them has its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import main
from gateway.config import InvalidConfig
from gateway.speech.lexicon import Lexicon, load_lexicon, read_lexicon

ROOT = Path(__file__).parents[4]
JINAN = "370100"


def written(folder: Path, text: str, name: str = "city.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def findings(path: Path) -> list[str]:
    return [
        str(one).removeprefix(f"{path}:") for one in read_lexicon([path], jurisdiction=JINAN)[1]
    ]


def test_the_example_that_ships_is_sound() -> None:
    lexicon = load_lexicon([ROOT / "config/lexicon/jinan.yaml"], jurisdiction=JINAN)
    assert "经十路" in lexicon.places
    assert lexicon.size > 80


def test_words_of_the_branch_and_the_entry_come_first(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "streets: [经十路]\nwords: [路灯, 物业]\nagencies: [城管局]\ncommunities: [三里庄]\n"
        "entries: {'12319': [占道经营, 路灯]}\ntopics: {供水: [水压]}\n",
    )
    lexicon = load_lexicon([path], jurisdiction=JINAN)
    assert lexicon.words("12319", "供水") == (
        *("水压", "占道经营", "路灯", "物业", "城管局", "经十路", "三里庄"),
    )
    assert lexicon.words(limit=2) == ("路灯", "物业")
    assert lexicon.words("12345", "取暖") == lexicon.words()


def test_several_files_make_one_lexicon(tmp_path: Path) -> None:
    first = written(tmp_path, "streets: [经十路, 历山路]\n", "a.yaml")
    second = written(tmp_path, "streets: [历山路, 舜耕路]\n", "b.yaml")
    lexicon = load_lexicon([first, second], jurisdiction=JINAN)
    assert lexicon.streets == ("经十路", "历山路", "舜耕路")


def test_a_table_gives_the_names_of_the_sites_own_city(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'code,name,areaCode\n370103002,"大观园街道",370103\n110101002,景山街道,110101\n'
        "370103009,舜玉路街道,370103\n",
        "streets.csv",
    )
    assert load_lexicon([path], jurisdiction=JINAN).streets == ("大观园街道", "舜玉路街道")
    assert load_lexicon([path], jurisdiction="110000").streets == ("景山街道",)
    assert load_lexicon([path], jurisdiction="110108").streets == ()


def test_a_table_may_say_what_each_name_is(tmp_path: Path) -> None:
    path = written(
        tmp_path, "name,kind\n三里庄,community\n城管局,agency\n停水,word\n经十路,\n", "x.csv"
    )
    lexicon = load_lexicon([path], jurisdiction=JINAN)
    assert lexicon == Lexicon(
        streets=("经十路",), communities=("三里庄",), agencies=("城管局",), topic_words=("停水",)
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("streets: 经十路\n", "1: streets: must be a list; write [word, word]"),
        ("street: [经十路]\n", "1: street: unknown key; use one of streets, communities,"),
        ("words:\n  - 路\n", "2: words: holds a word of fewer than two characters;"),
        ("words:\n  - 路灯\n  - 路灯\n", "3: words: holds 路灯 twice; keep one of them"),
        ("words:\n  - " + "长" * 31 + "\n", "2: words: holds a word of more than 30 characters;"),
        ("words:\n  - [路灯]\n", "2: words: holds something that is not a word; remove it"),
        ("topics: [供水]\n", "1: topics: must be a group of keys;"),
        ("topics:\n  供水: 水压\n", "2: topics.供水: must be a list;"),
        ("- 经十路\n", "1: file: is not a list of keys;"),
        ("streets: [经十路\n", "2: file: is not YAML:"),
    ],
)
def test_a_mistake_in_a_list_has_its_line(tmp_path: Path, text: str, found: str) -> None:
    (only,) = findings(written(tmp_path, text))
    assert only.startswith(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("title\n经十路\n", "1: file: has no column called name; add a header line"),
        ("name\n经十路\n路\n", "3: name: holds a word of fewer than two characters;"),
        ("name,kind\n经十路,road\n", "2: kind: is 'road'; use one of street,"),
        ("", "1: file: has no column called name;"),
    ],
)
def test_a_mistake_in_a_table_has_its_line(tmp_path: Path, text: str, found: str) -> None:
    (only,) = findings(written(tmp_path, text, "names.csv"))
    assert only.startswith(found)


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    bad = written(tmp_path, "roads: []\nwords: [a]\n")
    with pytest.raises(InvalidConfig) as caught:
        load_lexicon([bad, tmp_path / "missing.yaml", tmp_path / "x.txt"], jurisdiction=JINAN)
    assert len(caught.value.findings) == 4


def test_a_file_of_another_form_is_named(tmp_path: Path) -> None:
    (only,) = findings(written(tmp_path, "经十路", "city.txt"))
    assert only.startswith("1: file: is neither .yaml nor .csv;")


@given(st.binary(max_size=300), st.sampled_from(["x.yaml", "x.csv"]))
def test_any_bytes_at_all_give_a_lexicon_or_findings(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("lexicon") / name
    path.write_bytes(data)
    lexicon, found = read_lexicon([path], jurisdiction=JINAN)
    assert all(len(word) >= 2 for word in lexicon.words(limit=1000))
    assert all(one.line >= 1 for one in found)


def test_hotline_check_finds_mistakes_in_a_lexicon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = written(tmp_path, "streets:\n  - 经十路\n  - 路\n")
    config = written(
        tmp_path,
        "site: {name: 热线, jurisdiction: '370100', public_url: 'https://hotline.example'}\n"
        f"speech: {{lexicon: ['{words}']}}\n",
        "hotline.yaml",
    )
    assert main(["check", "--config", str(config)]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{words}:3: streets: holds a word of fewer than two characters;")
    words.write_text("streets: [经十路]\n", "utf-8")
    assert main(["check", "--config", str(config)]) == 0
