"""Files are known by their bytes, and named harmlessly."""

import io
import unicodedata
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.web.attachments import Upload, take
from channels.web.config import WebSettings
from channels.web.simulator import PHOTO
from gateway.channel.file_names import safe_name
from gateway.channel.file_types import TYPES, sniff

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00"
    b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"
)


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name in names:
            written.writestr(name, "<x/>")
    return file.getvalue()


def settings(**changes: object) -> WebSettings:
    return WebSettings.model_validate({"kind": "web", "account": "site", **changes})


def codes(*uploads: Upload, **changes: object) -> list[str]:
    return [problem.code for problem in take(uploads, settings(**changes))[1]]


def upload(name: str, content: bytes, media_type: str = "") -> Upload:
    return Upload(name=name, media_type=media_type, content=content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PHOTO, "png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "jpg"),
        (GIF, "gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "wav"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "heic"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "mp4"),
        (b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00", "m4a"),
        (b"\x00\x00\x00\x18ftypqt  \x00\x00\x00\x00", "mov"),
        (b"\x00\x00\x00\x18ftyp3gp5\x00\x00\x00\x00", "3gp"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "webm"),
        (b"%PDF-1.7\n", "pdf"),
        (b"ID3\x04\x00", "mp3"),
        (b"#!AMR\n\x3c", "amr"),
        (b"OggS\x00\x02", "ogg"),
        (archive("[Content_Types].xml", "word/document.xml"), "docx"),
        (archive("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
    ],
)
def test_a_file_that_is_taken_is_known_by_its_bytes(content: bytes, expected: str) -> None:
    found = sniff(content)
    assert found is not None
    assert found == TYPES[expected]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!doctype html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b'<?xml version="1.0"?><svg/>',
        b"#!/bin/sh\nrm -rf /\n",
        b"MZ\x90\x00",
        b"\x7fELF",
        b"GIF89a/*\x00\x00\x00\x00*/=1;alert(1);\x3b",
        b"GIF89a",
        b"\xff\xd8\xff\xe1<SCRIPT>alert(1)</SCRIPT>",
        PHOTO + b"<?php system($_GET[0]); ?>",
        archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
        archive("run.exe"),
        archive("[Content_Types].xml", "word/document.xml")[:-30],
        b"PK\x03\x04" + b"\0" * 50 + b"PK\x05\x06" + b"\xff" * 18,
        b"\x1a\x45\xdf\xa3matroska",
        b"RIFF\x24\x00\x00\x00AVI ",
        b"\x00\x00\x00\x18ftypavif",
    ],
)
def test_what_a_browser_might_run_or_nobody_knows_is_not_taken(content: bytes) -> None:
    assert sniff(content) is None


@given(content=st.binary(max_size=200), head=st.sampled_from([b"", b"PK\x03\x04", b"GIF89a"]))
def test_sniffing_never_fails(content: bytes, head: bytes) -> None:
    sniff(head + content)


@given(data=st.data())
def test_sniffing_a_damaged_archive_never_fails(data: st.DataObject) -> None:
    good = bytearray(archive("[Content_Types].xml", "word/document.xml"))
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(4, len(good) - 1))] = data.draw(st.integers(0, 255))
    sniff(bytes(good))


def test_a_taken_file_is_named_by_its_hash_type_and_size() -> None:
    taken, problems = take([upload("IMG_1.JPG", PHOTO, "image/jpeg")], settings())
    assert problems == []
    (file,) = taken
    assert file.content == PHOTO
    assert (file.ref.kind, file.ref.media_type) == ("image", "image/png")
    assert (file.ref.size, file.ref.filename) == (len(PHOTO), "IMG_1.png")


def test_the_same_file_twice_is_taken_once() -> None:
    taken, _ = take([upload("a.png", PHOTO), upload("b.png", PHOTO)], settings())
    assert len(taken) == 1


def test_every_kind_of_bad_file_has_its_own_code() -> None:
    assert codes(upload("a.jpg", b"<html>")) == ["file_type_refused"]
    assert codes(upload("a.pdf", PHOTO)) == ["file_type_differs"]
    assert codes(upload("a.png", PHOTO, "text/html")) == ["file_type_differs"]
    assert codes(upload("a.png", PHOTO, "application/pdf")) == ["file_type_differs"]
    assert codes(upload("a.png", b"")) == ["file_empty"]
    assert codes(upload("a.png", PHOTO), file_size=10) == ["file_too_large"]
    assert codes(upload("a.png", PHOTO), upload("b.png", GIF), upload=80) == ["files_too_large"]
    assert codes(*[upload("a.png", PHOTO)] * 6) == ["too_many_files"]
    assert codes(upload("a.heic", PHOTO, "application/octet-stream")) == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("照片 1.jpg", "照片 1.png"),
        ("../../etc/passwd", "passwd.png"),
        ("C:\\fakepath\\x.jpg", "x.png"),
        ("evil.html.jpg", "evil_html.png"),
        ("\u202egnp.exe", "gnp.png"),
        (".htaccess", "htaccess.png"),
        ("", "attachment-3.png"),
        ("...", "attachment-3.png"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie x.png"),
        ("x" * 300 + ".jpg", "x" * 80 + ".png"),
    ],
)
def test_names_are_made_harmless(name: str, safe: str) -> None:
    assert safe_name(name, 3, "png") == safe


@given(name=st.text(max_size=120))
def test_no_name_keeps_a_folder_a_control_or_a_direction_character(name: str) -> None:
    for made in (safe_name(name, 1, "png"), safe_name(name, 1)):
        assert made
        assert not set(made) & set('/\\<>:"|?*%')
        assert not any(unicodedata.category(c)[0] == "C" for c in made)
        assert not made.startswith(".")
        assert len(made) <= 100
