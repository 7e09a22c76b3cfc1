"""The bounded reader of multipart bodies reads what clients write and refuses the rest."""

import re

import pytest
from aiohttp import FormData
from hypothesis import given
from hypothesis import strategies as st

from channels.web.multipart import MAX_PARTS, Part, read_parts
from channels.web.problems import Refused
from channels.web.simulator import SentFile, encode_multipart
from gateway.channel import Malformed

TYPE = "multipart/form-data; boundary=b"


def parts(body: bytes, content_type: str = TYPE) -> list[Part]:
    return list(read_parts(body, content_type))


def one(head: str, content: bytes = b"x") -> Part:
    (part,) = parts(b"--b\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n--b--\r\n")
    return part


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(
    fields=st.dictionaries(texts.filter(bool), texts, max_size=5),
    files=st.lists(st.tuples(texts, st.binary(max_size=200)), max_size=4),
)
def test_what_the_simulator_writes_is_read_back(
    fields: dict[str, str], files: list[tuple[str, bytes]]
) -> None:
    sent = [SentFile(name=name, media_type="image/png", content=data) for name, data in files]
    fields = {name.replace("%22", "").replace("\\", "") or "x": v for name, v in fields.items()}
    body, content_type = encode_multipart(fields, sent)
    read = parts(body, content_type)
    assert {part.name: part.content.decode() for part in read if part.filename is None} == fields
    assert [part.content for part in read if part.filename is not None] == [d for _, d in files]


async def test_what_another_library_writes_is_read_back() -> None:
    form = FormData(quote_fields=False, charset="utf-8")
    form.add_field("content", "路灯不亮")
    form.add_field("file", b"\x89PNG\r\n\r\n--b", filename="照片 1.png", content_type="image/png")
    payload = form()

    class Sink:
        data = b""

        async def write(self, chunk: bytes) -> None:
            self.data += chunk

    sink = Sink()
    await payload.write(sink)  # type: ignore[arg-type]
    content_type = payload.headers["Content-Type"]
    content, file = parts(sink.data, content_type)
    assert (content.name, content.content.decode()) == ("content", "路灯不亮")
    assert (file.filename, file.media_type) == ("照片 1.png", "image/png")
    assert file.content == b"\x89PNG\r\n\r\n--b"


@given(body=st.binary(max_size=300), content_type=st.text(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    for kind in (TYPE, content_type):
        try:
            parts(body, kind)
        except Malformed:
            continue


@given(data=st.data())
def test_any_damage_to_a_good_body_is_read_or_refused(data: st.DataObject) -> None:
    body, content_type = encode_multipart(
        {"content": "路灯"}, [SentFile(name="a.png", media_type="image/png", content=b"\r\n--")]
    )
    place = data.draw(st.integers(0, len(body) - 1))
    damage = data.draw(st.binary(max_size=4))
    try:
        parts(body[:place] + damage + body[place + 1 :], content_type)
    except Malformed:
        return


def test_an_empty_part_and_a_part_with_its_own_boundary_inside_are_read() -> None:
    assert one('Content-Disposition: form-data; name="a"', b"").content == b""
    assert one('Content-Disposition: form-data; name="a"', b"x--b\r\n-b").content == b"x--b\r\n-b"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('filename="a.png"', "a.png"),
        ("filename=a.png", "a.png"),
        ('filename="a%22b.png"', 'a"b.png'),
        (r'filename="a\"b.png"', 'a"b.png'),
        ('filename="a;b.png"', "a;b.png"),
        ("filename*=UTF-8''%E7%85%A7%E7%89%87.png", "照片.png"),
        ("filename=\"x.png\"; filename*=utf-8'zh'%E7%85%A7.png", "照.png"),
        ('filename=""', ""),
    ],
)
def test_file_names_are_read_as_clients_write_them(written: str, read: str) -> None:
    assert one(f'Content-Disposition: form-data; name="file"; {written}').filename == read


@pytest.mark.parametrize(
    "head",
    [
        "",
        "Content-Disposition",
        "Content-Disposition: attachment; name=a",
        "Content-Disposition: form-data",
        'Content-Disposition: form-data; name=""',
        'Content-Disposition: form-data; name="a"; name="b"',
        'Content-Disposition: form-data; name="a',
        "Content-Disposition: form-data; name=a; filename*=gbk''%D5%D5",
        "Content-Disposition: form-data; name=a; filename*=utf-8''%FF",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
        "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
        "Content-Disposition: form-data; name=a\r\n" + "\r\n".join(f"X-{n}: 1" for n in range(9)),
        "Content-Disposition: form-data; name=a\r\nX: " + "y" * 5000,
    ],
)
def test_a_head_that_makes_no_sense_is_refused(head: str) -> None:
    with pytest.raises(Refused):
        one(head)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"preamble\r\n--b--\r\n",
        b"--b",
        b"--bx\r\n",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--bc\r\n--b--',
        b"--b--\r\nepilogue",
    ],
)
def test_a_body_that_is_cut_or_padded_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        parts(body)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 71,
        'multipart/form-data; boundary="b\n"',
        "multipart/mixed; boundary=b",
        "multipart/form-data; boundary=b\x00",
    ],
)
def test_a_boundary_that_cannot_be_used_is_refused(content_type: str) -> None:
    with pytest.raises(Refused):
        parts(b"--b--\r\n", content_type)


def test_a_hundred_thousand_parts_are_not_even_looked_at() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    found = read_parts(part * 100_000 + b"--b--\r\n", TYPE)
    for _ in range(MAX_PARTS):
        next(found)
    with pytest.raises(Refused) as refusal:
        next(found)
    assert refusal.value.problems[0].code == "too_many_parts"


def test_the_reason_of_a_refusal_holds_nothing_of_the_request() -> None:
    with pytest.raises(Refused) as refusal:
        one("Content-Disposition: form-data; name=secret-13800138000; name=x")
    assert not re.search("secret|138", str(refusal.value))


def test_a_name_that_ends_in_a_backslash_is_read_as_browsers_write_it() -> None:
    part = one('Content-Disposition: form-data; name="file"; filename="C:\\photos\\"')
    assert part.filename == "C:\\photos\\"
