"""The pages work without script, in both languages, for everybody."""

import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from multidict import CIMultiDict

from channels.web.fields import CHECKBOXES, NAMES
from channels.web.words import TEMPLATES, Catalogue
from gateway.channel import HttpReply, Malformed, RawRequest
from gateway.domain.intake import Outcome
from gateway.domain.lifecycle import State


class Structure(HTMLParser):
    """What a page is made of."""

    VOID = frozenset({"meta", "input", "link", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def ids(self) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get("id"))]


def get(path: str, query: str = "", **headers: str) -> RawRequest:
    return RawRequest(
        method="GET",
        url=f"https://hotline.example{path}",
        path=path,
        headers=CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}),
        body=b"",
        query=query,
    )


async def every_page(web: Any) -> dict[str, HttpReply]:
    form = web.simulator.form({"content": "", "phone": "x"}, form_id="01JD7Z8Q4N5T6V7W8X9Y0Z1A2B")
    with pytest.raises(Malformed) as refused:
        web.form.parse(form)
    return {
        "form": await web.handler("GET", "/report").show(get("/report")),
        "wrong form": web.form.refuse(form, refused.value),
        "busy": web.form.answer(form, Outcome(status="busy")),
        "sent": web.form.answer(
            form, Outcome(status="accepted", receipt_no="2611210000016", query_code="204816")
        ),
        "look-up": await web.status.show(get("/report/status", "lang=en&elder=1")),
        "missing": await web.status.show(web.simulator.look_up("", "")),
        "not found": await web.status.show(web.simulator.look_up("2611210000016", "000000")),
        "case": await web.status.show(web.simulator.look_up("2611210000016", "204816")),
    }


async def test_every_page_is_sound_and_usable_without_sight_or_script(web: Any) -> None:
    for name, reply in (await every_page(web)).items():
        page = Structure(reply.body.decode())
        assert reply.content_type == "text/html; charset=utf-8", name
        assert page.all("html")[0]["lang"] == reply.headers["Content-Language"], name
        assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1, name
        assert page.all("script", "iframe", "img", "link", "object") == [], name
        assert len(set(page.ids)) == len(page.ids), name
        labels = {label["for"] for label in page.all("label")}
        for field in page.all("input", "select", "textarea"):
            if field.get("type") != "hidden":
                assert field["id"] in labels, name
                assert field["name"], name
            for described in (field.get("aria-describedby") or "").split():
                assert described in page.ids, name
        for link in page.all("a"):
            assert link["href"], name
            if link["href"].startswith("#"):
                assert link["href"][1:] in page.ids, name
        for _, attributes in page.elements:
            assert not any(key.startswith("on") or key == "style" for key in attributes), name


async def test_errors_are_announced_focused_linked_and_tied_to_their_field(web: Any) -> None:
    reply = (await every_page(web))["wrong form"]
    page = Structure(reply.body.decode())
    (summary,) = [a for a in page.all("div") if a.get("class") == "summary"]
    assert summary["role"] == "alert"
    assert "autofocus" in summary
    assert summary["tabindex"] == "-1"
    (phone,) = [a for a in page.all("input") if a.get("id") == "phone"]
    assert phone["aria-invalid"] == "true"
    assert "error-phone" in (phone["aria-describedby"] or "")
    assert "<title>有误：" in reply.body.decode()


async def test_answers_and_typed_text_cannot_be_lost_by_switching_language(web: Any) -> None:
    pages = await every_page(web)
    for name in ("wrong form", "busy", "sent", "case"):
        assert b"hreflang" not in pages[name].body, name
    assert b"hreflang" in pages["form"].body


async def test_each_form_has_an_id_of_its_own(web: Any) -> None:
    show = web.handler("GET", "/report").show
    assert (await show(get("/report"))).body != (await show(get("/report"))).body


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "", "zh-CN"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "fr, zh-TW;q=0.8, en;q=0.5", "zh-CN"),
        ("", "zh;q=0, en;q=0.1", "en"),
        ("", "en;q=nonsense, zh", "zh-CN"),
        ("", "," * 1000, "zh-CN"),
        ("lang=en", "zh", "en"),
        ("lang=zh", "en", "zh-CN"),
        ("lang=xx", "en", "en"),
        ("lang=%00&lang=en", "", "zh-CN"),
    ],
)
async def test_the_language_is_the_one_asked_for_or_the_sites(
    web: Any, query: str, accepted: str, language: str
) -> None:
    raw = get("/report", query, Accept_Language=accepted)
    reply = await web.handler("GET", "/report").show(raw)
    assert reply.headers["Content-Language"] == language


async def test_elder_mode_enlarges_the_page_and_stays_on(web: Any) -> None:
    reply = await web.handler("GET", "/report").show(get("/report", "lang=zh-CN&elder=1"))
    page = reply.body.decode()
    assert '<html lang="zh-CN" class="elder">' in page
    assert 'action="/report?lang=zh-CN&amp;elder=1"' in page
    assert "标准字号" in page


async def test_links_keep_the_path_of_the_public_address(make_web: Callable[..., Any]) -> None:
    web = make_web(public_url="https://www.city.example/hotline")
    reply = await web.handler("GET", "/report").show(get("/report"))
    page = Structure(reply.body.decode())
    assert page.all("form")[0]["action"] == "/hotline/report?lang=zh-CN"


async def test_help_and_privacy_are_shown_when_configured(make_web: Callable[..., Any]) -> None:
    web = make_web(help_phone="0531 12345", privacy_url="https://www.city.example/privacy")
    page = (await web.handler("GET", "/report").show(get("/report"))).body.decode()
    assert 'href="tel:053112345"' in page
    assert 'href="https://www.city.example/privacy"' in page


async def test_a_form_without_files_offers_none(make_web: Callable[..., Any]) -> None:
    page = (await make_web(files=0).handler("GET", "/report").show(get("/report"))).body
    assert b'type="file"' not in page


# The look-up


async def test_a_case_is_shown_to_whoever_has_both_numbers(web: Any) -> None:
    reply = await web.status.show(web.simulator.look_up("2611210000016", "204816"))
    page = reply.body.decode()
    assert reply.status == 200
    assert "路灯不亮 &lt;b&gt;" in page
    assert "已转给承办单位" in page
    assert "办理中" in page
    assert "2026-11-21 08:30" in page, "times are shown in the site's zone"
    assert "已派人维修。\n请留意。" in page


async def test_numbers_are_read_however_they_are_typed(web: Any, cases: Any) -> None:
    await web.status.show(web.simulator.look_up(" ２６１１２１-000001 6", "204 816"))
    assert cases.asked == [("2611210000016", "204816")]


async def test_unknown_wrong_and_mistyped_numbers_get_the_very_same_answer(web: Any) -> None:
    def answer(reply: HttpReply, *typed: str) -> tuple[int, str]:
        page = reply.body.decode()
        for text in typed:
            page = page.replace(f'value="{text}"', 'value=""')
        return reply.status, page

    tries = [
        ("2611210000016", "000000"),
        ("2611210000024", "204816"),
        ("2611210000017", "204816"),
        ("not-a-number", "204816"),
        ("2611210000016", "20481"),
        ("٢٦١١٢١٠٠٠٠٠١٦", "204816"),
    ]
    answers = {answer(await web.status.show(web.simulator.look_up(*pair)), *pair) for pair in tries}
    assert len(answers) == 1
    assert answers.pop()[0] == 404


async def test_a_look_up_that_cannot_be_read_shows_the_form_again(web: Any) -> None:
    raw = web.simulator.form({"receipt_no": "2611210000016"})
    reply = await web.status.show(raw)
    assert reply.status == 415
    assert b"<form" in reply.body


# The words


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def test_all_languages_have_the_same_words_with_the_same_gaps() -> None:
    with (TEMPLATES / "messages.toml").open("rb") as file:
        languages = {tag: flat(table) for tag, table in tomllib.load(file).items()}
    chinese, english = languages["zh-CN"], languages["en"]
    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        assert text, key
        names = {name for name in english[key].split("{")[1:]}
        assert {n.split("}")[0] for n in names} == {n.split("}")[0] for n in text.split("{")[1:]}


def test_every_state_box_and_choice_has_its_words() -> None:
    words = Catalogue("zh-CN").words("en")
    assert set(words["status"]["states"]) == {state.value for state in State}
    assert set(CHECKBOXES) <= set(words["form"])
    assert set(CHECKBOXES) <= set(NAMES)


def test_every_problem_code_in_the_source_has_its_words() -> None:
    words = Catalogue("zh-CN").words("en")["problem"]
    source = "".join(path.read_text() for path in TEMPLATES.parent.glob("*.py"))
    for code in words:
        assert f'"{code}"' in source, f"{code} is never used"


def test_a_site_in_an_unknown_language_gets_the_first_one() -> None:
    assert Catalogue("fr-FR").usual == "zh-CN"
