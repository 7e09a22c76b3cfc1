"""Lets every simulated citizen get in touch at once and watches what becomes of each contact."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.channel.speech import Unavailable
from gateway.delivery.office import DeliveryOffice
from gateway.demo.citizens import Contact
from gateway.demo.outcome import Outcome, Result, case_of, sorted_out
from gateway.demo.stage import Stage
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.errors import GatewayError
from gateway.store import drafts

LIMIT_S = 120.0
"""A demonstration that is not over by then has failed."""

_LOOK_S = 0.1
_MOST_DRAFTS = 500


@dataclass(slots=True)
class Show:
    """One run over a stage; ``tell`` is called once for each contact that is done."""

    stage: Stage
    contacts: Sequence[Contact]
    tell: Callable[[Outcome], None]
    _began: datetime = field(init=False)
    _refusals: dict[str, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._began = self.stage.gateway.clock.now()

    async def run(self, limit_s: float = LIMIT_S) -> Result:
        """Return what became of everything; never takes longer than ``limit_s`` by much."""
        result = await self._result()
        acting = asyncio.gather(*(self._act(contact) for contact in self.contacts))
        try:
            async with asyncio.timeout(limit_s):
                while not (acting.done() and self._is_over(result)):
                    await asyncio.sleep(_LOOK_S)
                    result = await self._result()
                    self._tell_news(result)
        except TimeoutError:
            result = await self._result()
        finally:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)
        return result

    async def _act(self, contact: Contact) -> None:
        try:
            await contact.act(self.stage.reach)
        except GatewayError as error:
            self._refusals[contact.sender] = error.message

    def _is_over(self, result: Result) -> bool:
        return bool(self._refusals) or (
            all(one.whole for one in result.outcomes) and not result.waiting
        )

    def _tell_news(self, result: Result) -> None:
        for one in result.outcomes:
            if one.whole and one.contact.sender not in self._told:
                self._told.add(one.contact.sender)
                self.tell(one)

    async def _result(self) -> Result:
        gateway, backend = self.stage.gateway, self.stage.backend
        found = [draft for draft in await self._drafts() if draft.received_at >= self._began]
        of, strays = sorted_out(self.contacts, found)
        office = DeliveryOffice(
            store=gateway.store,
            clock=gateway.clock,
            wakeup=gateway.ledgers.wakeup,
            endpoints=gateway.config.endpoints,
        )
        summary = await office.summary()
        speech = gateway.speech
        return Result(
            outcomes=tuple(
                Outcome(
                    contact=contact,
                    drafts=of[contact.sender],
                    case=case_of(of[contact.sender], backend.cases),
                    told=self._was_told(contact),
                    refusal=self._refusals.get(contact.sender),
                )
                for contact in self.contacts
            ),
            strays=strays,
            refused=backend.refused,
            repeated=backend.repeated,
            waiting=sum(one.pending + one.held + one.dead for one in summary),
            unheard=speech.reason if isinstance(speech, Unavailable) else None,
        )

    async def _drafts(self) -> list[WorkOrderDraft]:
        return await self.stage.gateway.store.read(
            lambda connection: drafts.listing(connection, limit=_MOST_DRAFTS)
        )

    def _was_told(self, contact: Contact) -> bool | None:
        account = (contact.channel, contact.account)
        acknowledges = any(
            (one.spec.kind, one.spec.account) == account and one.spec.acknowledges
            for one in self.stage.gateway.accounts
        )
        provider = self.stage.providers.get(account)
        if not acknowledges or provider is None:
            return None
        return any(one.to == contact.sender for one in provider.sent())
