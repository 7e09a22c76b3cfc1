"""Every mistake in a configuration is found at once, with its line, its key and its cure."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from gateway.config import ChannelSettings, Config, ConfigError, Finding, load, parse

Load = Callable[..., Config]
Findings = Callable[..., list[Finding]]


class Sms(ChannelSettings):
    """A channel with one secret."""

    auth_token: SecretStr


def test_a_site_is_all_that_must_be_said(loaded: Load) -> None:
    config = loaded()
    assert config.site.timezone.key == "Asia/Shanghai"
    assert config.store.url == "sqlite:///data/hotline.db"
    assert config.blobs.directory == Path("data/blobs")
    assert config.secret_key_file == Path("data/secret.key")
    assert (config.conversation.quiet, config.conversation.cap) == (45, 300)
    assert config.policy.auto_forward == "none"
    assert config.channels == ()


def test_a_loaded_configuration_does_not_change(loaded: Load) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(loaded().site, "name", "other")  # noqa: B010 - mypy knows that it is read-only


def test_a_missing_site_is_found(findings: Findings) -> None:
    assert [(f.line, f.key, f.problem) for f in findings("log: {level: info}", site="")] == [
        (1, "site", "is missing")
    ]


def test_an_empty_file_is_a_finding_not_a_crash(findings: Findings) -> None:
    assert [f.key for f in findings("", site="")] == ["site"]


def test_an_unknown_key_names_its_line_and_the_nearest_valid_key(
    findings: Findings, tmp_path: Path
) -> None:
    (found,) = findings("log:\n  levle: info\n")
    path = tmp_path / "hotline.yaml"
    assert str(found) == f"{path}:3: log.levle: unknown key; did you mean level?"


def test_an_unknown_key_far_from_all_others_shows_what_there_is(findings: Findings) -> None:
    (found,) = findings("policy: {zzz: 1}")
    assert found.cure == "use one of auto_forward"


def test_all_findings_come_at_once_in_the_order_of_the_file(findings: Findings) -> None:
    found = findings(
        """\
        log: {level: loud}
        nonsense: 1
        channels:
          - {kind: smss, account: main}
          - {kind: web, account: "no spaces please"}
        endpoints:
          - {name: a, url: "ftp://x", secret: "${S}"}
        """
    )
    assert [(f.line, f.key) for f in found] == [
        (2, "log.level"),
        (3, "nonsense"),
        (5, "channels[smss/main].kind"),
        (6, "channels[web/no spaces please].account"),
        (8, "endpoints[a].secret"),
        (8, "endpoints[a].url"),
    ]
    assert found[2].cure == "did you mean sms?"


def test_numbers_keep_their_leading_zeros_and_words_stay_words(loaded: Load) -> None:
    config = loaded("entries:\n  012319: {source: no}\n")
    assert config.entries["012319"].source == "no"


def test_a_channel_is_checked_by_its_own_settings(loaded: Load, findings: Findings) -> None:
    text = "channels:\n  - {kind: sms, account: main, auth_token: '${TOKEN}'}\n"
    config = loaded(text, env={"TOKEN": "t0p-s3cret"})
    account = config.channel("sms", "main")
    assert getattr(account, "auth_token", None) == SecretStr("t0p-s3cret")
    assert config.channel("sms", "other") is None
    found = findings(text.replace("auth_token", "auth_tokn"), env={"TOKEN": "x"})
    assert ("unknown key", "did you mean auth_token?") in [(f.problem, f.cure) for f in found]


def test_a_missing_secret_names_the_variable_and_the_channel(findings: Findings) -> None:
    (found,) = findings("channels:\n  - {kind: sms, account: main, auth_token: '${TOKEN}'}\n")
    assert (found.line, found.key) == (3, "channels[sms/main].auth_token")
    assert found.problem == "the environment variable TOKEN is not set"


def test_an_empty_variable_is_not_a_secret(findings: Findings) -> None:
    (found,) = findings(
        "channels:\n  - {kind: sms, account: main, auth_token: '${TOKEN}'}\n", env={"TOKEN": ""}
    )
    assert found.problem == "the environment variable TOKEN is empty"


def test_a_secret_left_out_is_a_finding(findings: Findings) -> None:
    (found,) = findings("channels:\n  - {kind: sms, account: main}\n")
    assert (found.line, found.key) == (3, "channels[sms/main].auth_token")
    assert found.problem == "is missing"


def test_a_secret_written_into_the_file_is_refused_and_not_repeated(findings: Findings) -> None:
    (found,) = findings("channels:\n  - {kind: sms, account: main, auth_token: t0p-s3cret}\n")
    assert found.problem == "is a secret and must not stand in the file"
    assert "t0p-s3cret" not in str(found)


def test_a_secret_comes_from_a_file_beside_the_configuration(
    loaded: Load, findings: Findings, tmp_path: Path
) -> None:
    text = "channels:\n  - {kind: sms, account: main, auth_token: 'file:token'}\n"
    (found,) = findings(text)
    assert found.problem == "the file token does not exist"
    (tmp_path / "token").write_text("t0p-s3cret\n", encoding="utf-8")
    account = loaded(text).channel("sms", "main")
    assert getattr(account, "auth_token", None) == SecretStr("t0p-s3cret")


@pytest.mark.parametrize("written", ["{0}", "[{0}]", "[{0}, {0}]"])
def test_one_secret_or_a_list_of_them_follow_the_same_rules(
    written: str, loaded: Load, findings: Findings, tmp_path: Path
) -> None:
    text = "channels:\n  - {{kind: voice, account: main, auth_token: " + written + "}}\n"
    assert {f.problem for f in findings(text.format("t0p-s3cret"))} == {
        "is a secret and must not stand in the file"
    }
    (tmp_path / "token").write_text("t0p-s3cret\n", encoding="utf-8")
    for reference in ('"${TOKEN}"', "file:token"):
        config = loaded(text.format(reference), env={"TOKEN": "t0p-s3cret"})
        account = config.channel("voice", "main")
        assert set(getattr(account, "auth_token", ())) == {SecretStr("t0p-s3cret")}


def test_secrets_show_in_no_representation(loaded: Load) -> None:
    config = loaded(
        """\
        store: {url: "postgresql://u:${PW}@h/d"}
        redis: {url: "redis://:${PW}@h"}
        channels: [{kind: sms, account: main, auth_token: "${PW}"}]
        endpoints: [{name: a, url: "https://x.example/", secret: "${PW}"}]
        """,
        env={"PW": "t0p-s3cret"},
    )
    assert config.store.url == "postgresql://u:t0p-s3cret@h/d"
    assert "t0p-s3cret" not in repr(config)
    assert "t0p-s3cret" not in str(config)


def test_a_secret_from_the_environment_shows_in_no_finding(findings: Findings) -> None:
    found = findings(
        """\
        store: {url: "${PW}"}
        speech: {workers: "${PW}"}
        admin: {allow: ["${PW}"], listen: "${PW}"}
        endpoints: [{name: a, url: "${PW}", secrets: [{value: "${PW}", valid_to: "${PW}"}]}]
        log: {level: "${PW}"}
        site: {}
        """,
        site="",
        env={"PW": "t0p-s3cret"},
    )
    assert len(found) == 10
    assert "t0p-s3cret" not in "\n".join(map(str, found))


def test_a_short_key_is_refused_without_telling_its_length(findings: Findings) -> None:
    site = 'site: {name: x, jurisdiction: "370100", public_url: "https://h", secret_key: "${K}"}\n'
    (found,) = findings(site=site, env={"K": "short"})
    assert found.problem == "must have at least 32 characters"


@pytest.mark.parametrize(
    ("group", "second"),
    [
        ("channels", "{kind: web, account: main}"),
        ("endpoints", '{name: main, url: "https://x.example", secret: "${S}"}'),
    ],
)
def test_two_of_the_same_name_are_found(group: str, second: str, findings: Findings) -> None:
    found = findings(f"{group}:\n  - {second}\n  - {second}\n", env={"S": "s"})
    assert [(f.line, f.problem) for f in found] == [(4, "is the same as in line 3")]


def test_the_same_account_name_in_two_kinds_is_fine(loaded: Load) -> None:
    config = loaded(
        "channels: [{kind: web, account: a}, {kind: sms, account: a, auth_token: '${T}'}]",
        env={"T": "t"},
    )
    assert len(config.channels) == 2


@pytest.mark.parametrize("value", ["{kind: web}", "text", "3"])
def test_channels_that_are_not_a_list_are_found(value: str, findings: Findings) -> None:
    (found,) = findings(f"channels: {value}")
    assert (found.key, found.problem) == ("channels", "must be a list")


@pytest.mark.parametrize("item", ["text", "null", "[a]", "{account: a}", "{kind: [], account: a}"])
def test_a_channel_that_is_none_is_found(item: str, findings: Findings) -> None:
    (found,) = findings(f"channels:\n  - {item}\n")
    assert found.line == 3
    assert found.key.startswith("channels[0]")


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("conversation: {quiet: 6 min}", "conversation", "quiet is longer than cap"),
        ("conversation: {quiet: soon}", "conversation.quiet", "is not an amount with a known unit"),
        ("limits: {read_timeout: 0}", "limits.read_timeout", "must be greater than 0"),
        (
            "limits: {read_timeout: much}",
            "limits.read_timeout",
            "is not an amount with a known unit",
        ),
        ("speech: {workers: many}", "speech.workers", "must be a whole number"),
        ("speech: many", "speech", "must be a group of keys"),
        ("speech:", "speech", "is empty"),
        ("store: {url: mysql://x}", "store.url", "is neither sqlite:///PATH nor postgresql://…"),
        ("redis: {url: http://x}", "redis.url", "does not have the right form"),
        ("blobs: {url: s3://b/p}", "blobs.url", "does not have the right form"),
        ("admin: {listen: 9090}", "admin.listen", "is not HOST:PORT"),
        ("admin: {listen: 'h:99999'}", "admin.listen", "is not HOST:PORT"),
        ("admin: {allow: [10.0.0.1/8]}", "admin.allow[0]", "is not a network"),
        ("log: {format: xml}", "log.format", "must be 'text' or 'json'"),
        ("entries: {12345: {}}", "entries.12345.source", "is missing"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(
    text: str, key: str, problem: str, findings: Findings
) -> None:
    (found,) = findings(text)
    assert (found.line, found.key, found.problem) == (2, key, problem)
    assert found.cure


@pytest.mark.parametrize(
    "url",
    [
        "http://hotline.example",
        "ftp://hotline.example",
        "https://user:pw@hotline.example",
        "https://hotline.example/?a=1",
        "https://hotline.example/#a",
        "https://[::1",
        "https://h:99999",
        "https://",
        "hotline.example",
        "https://hot line.example",
    ],
)
def test_a_public_address_that_cannot_be_signed_for_is_refused(
    url: str, findings: Findings
) -> None:
    site = f'site: {{name: x, jurisdiction: "370100", public_url: "{url}"}}\n'
    assert [f.key for f in findings(site=site)] == ["site.public_url"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://127.0.0.1:12345", "http://127.0.0.1:12345"),
        ("http://localhost:1/", "http://localhost:1"),
        ("http://[::1]:1", "http://[::1]:1"),
        ("https://city.example/hotline/", "https://city.example/hotline"),
    ],
)
def test_a_public_address_loses_its_final_slash(url: str, kept: str, loaded: Load) -> None:
    site = f'site: {{name: x, jurisdiction: "370100", public_url: "{url}"}}\n'
    assert loaded(site=site).site.public_url == kept


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "/etc/passwd"])
def test_a_time_zone_that_does_not_exist_is_refused(zone: str, findings: Findings) -> None:
    site = (
        f'site: {{name: x, jurisdiction: "370100", public_url: "https://h", timezone: "{zone}"}}\n'
    )
    assert [f.key for f in findings(site=site)] == ["site.timezone"]


def test_another_data_directory_takes_everything_in_it_along(loaded: Load, tmp_path: Path) -> None:
    config = loaded(data=tmp_path)
    assert config.store.url == f"sqlite:///{tmp_path}/hotline.db"
    assert config.blobs.directory == tmp_path / "blobs"
    assert config.secret_key_file == tmp_path / "secret.key"
    assert loaded("data: /srv/x").store.url == "sqlite:////srv/x/hotline.db"


def test_what_lies_outside_the_data_directory_stays_there(loaded: Load, tmp_path: Path) -> None:
    config = loaded(
        'store: {url: "sqlite:////srv/h.db"}\nblobs: {url: "file:blobs"}\n', data=tmp_path
    )
    assert config.store.url == "sqlite:////srv/h.db"
    assert config.blobs.directory == Path("blobs")


def test_an_endpoint_forwards_when_it_hears_that_a_draft_is_ready(loaded: Load) -> None:
    config = loaded(
        """\
        endpoints:
          - {name: a, url: "https://x.example", secret: "${S}", allow: ["10.0.0.0/8"]}
          - {name: b, url: "https://x.example", secret: "${S}", events: ["message.*"]}
          - {name: c, url: "https://x.example", secret: "${S}", forwards: no, timeout: 5 s}
        """,
        env={"S": "s"},
    )
    assert [endpoint.forwards for endpoint in config.endpoints] == [True, False, False]
    assert config.endpoints[0].allow == (IPv4Network("10.0.0.0/8"),)
    assert config.endpoints[2].timeout == 5
    assert config.endpoint("b") == config.endpoints[1]
    assert config.endpoint("z") is None


def test_a_pattern_that_no_event_matches_is_found(findings: Findings) -> None:
    (found,) = findings(
        'endpoints: [{name: a, url: "https://x.example", secret: "${S}", events: ["drft.*"]}]',
        env={"S": "s"},
    )
    assert (found.key, found.problem) == ("endpoints[a].events[0]", "matches no event of the feed")


@pytest.mark.parametrize("secrets", ["", ', secret: "${S}", secrets: [{value: "${S}"}]'])
def test_an_endpoint_needs_exactly_one_way_to_sign(secrets: str, findings: Findings) -> None:
    (found,) = findings(
        f'endpoints: [{{name: a, url: "https://x.example"{secrets}}}]', env={"S": "s"}
    )
    assert found.problem == "needs exactly one of secret and secrets"


def test_every_secret_that_is_valid_now_signs(loaded: Load, findings: Findings) -> None:
    text = """\
        endpoints:
          - name: a
            url: https://x.example
            secrets:
              - {value: "${OLD}", valid_to: "2027-02-01T00:00:00+08:00"}
              - {value: "${NEW}", valid_from: "2027-01-01T00:00:00+08:00"}
        """
    env = {"OLD": "old", "NEW": "new"}
    endpoint = loaded(text, env=env).endpoints[0]

    def signing(when: datetime) -> list[str]:
        return [secret.get_secret_value() for secret in endpoint.signing_secrets(when)]

    assert signing(datetime(2026, 12, 1, tzinfo=UTC)) == ["old"]
    assert signing(datetime(2027, 1, 15, tzinfo=UTC)) == ["old", "new"]
    assert signing(datetime(2027, 1, 31, 16, tzinfo=UTC)) == ["new"]
    (found,) = findings(text.replace("+08:00", ""), env=env)[:1]
    assert found.problem == "must have an offset such as +08:00"


def test_a_file_that_does_not_exist_is_one_finding(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml:1: file: cannot be read; name"):
        load(tmp_path / "absent.yaml", channel_settings={}, env={})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, channel_settings={}, env={})


_VOCABULARY = (
    "site store channels endpoints kind account name url secret secrets events sms main null true "
    "${A} ${B} $${ ${ file:x https://h.example draft.* 5 45s "
    "&a *a ? | > ! - , : { } [ ] \" ' #"
)
_words = st.sampled_from(_VOCABULARY.split())
_gaps = st.sampled_from(["\n", "\n  ", "\n- ", " "])
_texts = st.lists(st.one_of(_words, _gaps, st.text())).map(" ".join)
_values = st.recursive(
    st.one_of(st.none(), _words, st.text(), st.integers(), st.booleans()),
    lambda part: st.one_of(st.lists(part, max_size=3), st.dictionaries(_words, part, max_size=4)),
    max_leaves=12,
)


def error_for(raw: bytes) -> ConfigError | None:
    """The one kind of error that reading may end with."""
    try:
        parse(raw, path=Path("x.yaml"), channel_settings={"sms": Sms}, env={"A": "value"})
    except ConfigError as error:
        return error
    return None


def assert_only_findings(raw: bytes) -> None:
    if error := error_for(raw):
        lines = str(error).splitlines()
        assert len(lines) == len(error.findings) > 0
        assert all(re.match(r"x\.yaml:[1-9][0-9]*: \S", line) for line in lines)


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_findings(raw: bytes) -> None:
    assert_only_findings(raw)


@given(_texts)
def test_random_yaml_raises_nothing_but_findings(text: str) -> None:
    assert_only_findings(text.encode("utf-8", "surrogatepass"))


@given(st.dictionaries(st.sampled_from(sorted(Config.model_fields)), _values))
def test_values_of_every_shape_in_every_group_raise_nothing_but_findings(
    groups: dict[str, object],
) -> None:
    assert_only_findings(json.dumps(groups, ensure_ascii=False).encode("utf-8", "surrogatepass"))
