"""What the configuration says of the site, in the words of those who need to know."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from gateway.channel.contract import Account, ChannelKind
from gateway.channel.ports import Site
from gateway.config import Config
from gateway.domain.draft import WorkOrderDraft
from gateway.intake.casebook import Rules
from gateway.store.site_key import site_key
from gateway.telemetry.notes import Notes
from gateway.understanding import Places, understand


def key_of(config: Config) -> bytes:
    """Return the key that signs the site's short-lived tokens."""
    if config.site.secret_key is not None:
        return config.site.secret_key.get_secret_value().encode()
    return site_key(config.secret_key_file)


def site_of(config: Config, key: bytes) -> Site:
    """Return what a channel may know of the site."""
    return Site(
        name=config.site.name,
        public_url=str(config.site.public_url).rstrip("/"),
        language=config.site.language,
        timezone=config.site.timezone.key,
        region="CN",
        key=key,
        entries=frozenset(config.entries),
    )


def folder_of(kind: ChannelKind) -> Path:
    """Return the folder of the package that offers a channel kind."""
    package = import_module(kind.settings.__module__.rsplit(".", 1)[0])
    return Path(str(package.__file__)).parent


def unfailing(
    suggest: Callable[[WorkOrderDraft], WorkOrderDraft], note: Callable[..., None]
) -> Callable[[WorkOrderDraft], WorkOrderDraft]:
    """Return ``suggest`` as it is, but for faults: a draft without suggestions goes on as well."""

    def suggested(draft: WorkOrderDraft) -> WorkOrderDraft:
        try:
            return suggest(draft)
        except Exception as error:  # else it would stay out of the operators' queue for good
            note("understanding.failed", why=type(error).__name__, error=error)
            return draft

    return suggested


def rules_of(
    config: Config, accounts: Sequence[Account], key: bytes, city: Places, note: Notes
) -> Rules:
    """Return what the site decided about drafts."""
    policy = config.policy.auto_forward

    def forward(draft: WorkOrderDraft) -> bool:
        urgent = draft.priority is not None and draft.priority.level != "normal"
        return policy == "all" or (policy == "urgent" and urgent)

    return Rules(
        jurisdiction=config.site.jurisdiction,
        timezone=config.site.timezone,
        language=config.site.language,
        key=key,
        quiet_s=config.conversation.quiet,
        cap_s=config.conversation.cap,
        reopen_within_s=config.conversation.reopen_within,
        sources={number: entry.source for number, entry in config.entries.items()},
        acknowledging=frozenset(
            (one.spec.kind, one.spec.account) for one in accounts if one.spec.acknowledges
        ),
        suggest=unfailing(lambda draft: understand(draft, config.entries, city=city), note),
        forward=forward,
        forwarding=any(endpoint.forwards for endpoint in config.endpoints),
        resuming=frozenset(
            (one.spec.kind, one.spec.account) for one in accounts if one.spec.resumes_calls
        ),
        listens_again=config.speech.second_pass,
    )
