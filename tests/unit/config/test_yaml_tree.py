"""YAML is read within bounds, without guessing and with its lines."""

import pytest

from gateway.config.yaml_tree import MAX_BYTES, MAX_DEPTH, Mapping, Scalar, Unreadable, read


def text_at(tree: object, *keys: str) -> str | None:
    for key in keys:
        assert isinstance(tree, Mapping)
        item = tree.get(key)
        assert item is not None
        tree = item.value
    assert isinstance(tree, Scalar)
    return tree.text


def test_scalars_stay_as_written() -> None:
    tree = read(b"a: 012\nb: no\nc: 1e3\nd: 2027-01-01\ne: ~\nf: '~'\ng:\n")
    assert [text_at(tree, key) for key in "abcdefg"] == [
        "012", "no", "1e3", "2027-01-01", None, "~", None,
    ]  # fmt: skip


def test_every_node_knows_its_line() -> None:
    tree = read(b"# first\na:\n  b:\n    - x\n    - y\n")
    assert isinstance(tree, Mapping)
    a = tree.items[0]
    assert isinstance(a.value, Mapping)
    assert (a.line, a.value.items[0].line) == (2, 3)


def test_an_alias_stands_for_its_anchor() -> None:
    assert text_at(read(b"a: &x {k: v}\nb: *x\n"), "b", "k") == "v"


@pytest.mark.parametrize(
    ("raw", "line", "problem"),
    [
        (b"a: 1\nb: 2\na: 3\n", 3, "stands here and in line 1"),
        (b"a: 1\n  b: 2\n", 2, "is not YAML: mapping values are not allowed here"),
        (b"a: [1\n", 2, "is not YAML"),
        (b"a: 1\n---\nb: 2\n", 2, "holds a second document"),
        (b"a: !!python/object:os.system x\n", 1, "holds a tag"),
        (b"a: !x [1]\n", 1, "holds a tag"),
        (b"? [a]\n: 1\n", 1, "holds a key that is not a word"),
        (b"a: &x [*x]\n", 1, "*x has no &x above it"),
        (b"a: 1\nb: *nobody\n", 2, "*nobody has no &nobody above it"),
        (b"a: 1\nb: \xff\n", 2, "is not UTF-8 text"),
        (b"a: 1\nb: \x00\n", 2, "holds a control character"),
        (b'a: "\\UFFFFFFFF"\n', 1, "holds an impossible escape"),
        (b'a: "\\ud800"\n', 1, "holds a character that cannot be stored"),
        (b'a: "\\0"\n', 1, "holds a character that cannot be stored"),
        (b"[" * 5000, 1, f"is nested deeper than {MAX_DEPTH}"),
        (b"#" * (MAX_BYTES + 1), 1, "is larger than 256 KiB"),
    ],
)
def test_what_cannot_be_a_configuration_is_refused(raw: bytes, line: int, problem: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(raw)
    assert caught.value.line == line
    assert caught.value.problem.startswith(problem)


def test_a_billion_laughs_are_counted_not_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(Unreadable, match="holds more than 20000 values"):
        read("\n".join(lines).encode())
