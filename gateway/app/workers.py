"""Everything that works behind the doors: one worker a queue, couriers, and regular rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.app.running import Working
from gateway.blobs import DirectoryBlobs
from gateway.channel.contract import Account
from gateway.channel.speech import Unavailable
from gateway.config import Config
from gateway.delivery.wiring import couriers
from gateway.egress.client import EgressClient
from gateway.intake.assembling import Assembler, Sealer
from gateway.intake.awaited import MEDIA_QUEUE
from gateway.intake.casebook import Casebook
from gateway.intake.media import MediaFetcher
from gateway.intake.recognising import RECOGNISE
from gateway.intake.transcribing import Transcriber
from gateway.replies.dispatch import ReplyDesk
from gateway.replies.texts import load_texts
from gateway.speech.recordings import RecordingReader
from gateway.store import arrivals, work
from gateway.store.arrivals import ASSEMBLE
from gateway.store.correspondence import REPLY_QUEUE
from gateway.store.engine import Store
from gateway.store.holding import Pace
from gateway.store.ledger import Ledgers
from gateway.store.rounds import Rescue, Rounds
from gateway.store.steps import Reach
from gateway.store.wakeup import Wakeup
from gateway.store.worker import Handler, Worker
from gateway.telemetry.notes import Notes

if TYPE_CHECKING:  # signal processing is loaded only where a channel carries voice
    from gateway.speech.session import GatedRecogniser

_FILES_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Parts:
    """What the workers are made of."""

    config: Config
    key: bytes
    store: Store
    wakeup: Wakeup
    http: EgressClient
    blobs: DirectoryBlobs
    speech: "GatedRecogniser | Unavailable"
    note: Notes
    reach: Reach
    ledgers: Ledgers


async def workers_of(
    parts: Parts, casebook: Casebook, accounts: Sequence[Account]
) -> tuple[Working, ...]:
    """Return everything that works behind the doors."""
    config, ledgers, note, reach = parts.config, parts.ledgers, parts.note, parts.reach
    clock = ledgers.clock
    pace = Pace(
        lease_s=config.work.lease,
        at_once=config.work.at_once,
        poll_s=min(1.0, config.work.lease / 10),
    )
    by_name = {(one.spec.kind, one.spec.account): one for one in accounts}
    replies = ReplyDesk(
        ledgers=ledgers,
        accounts=by_name,
        http=parts.http,
        texts=load_texts(usual=config.site.language),
        site_name=config.site.name,
        key=parts.key,
        clock=clock,
        note=note,
        reach=reach,
    )
    media = MediaFetcher(
        ledgers=ledgers,
        accounts=by_name,
        http=parts.http,
        uploads=parts.blobs,
        clock=clock,
        note=note,
        reach=reach,
    )
    reader = RecordingReader(parts.speech, config.speech.language, parts.blobs.path)
    jobs: Mapping[str, Handler] = {
        ASSEMBLE: Assembler(ledgers=ledgers, casebook=casebook, reach=reach).handle,
        REPLY_QUEUE: replies.handle,
        MEDIA_QUEUE: media.handle,
        RECOGNISE: Transcriber(
            ledgers=ledgers, casebook=casebook, transcribe=reader.transcribe
        ).handle,
    }
    paces = {
        # Each of them may hold a whole file in memory.
        MEDIA_QUEUE: replace(pace, at_once=min(pace.at_once, _FILES_AT_ONCE)),
        # More at once would only wait for each other, and live calls for all of them.
        RECOGNISE: replace(pace, at_once=min(pace.at_once, config.speech.workers)),
    }
    rescue = Rescue(
        store=parts.store,
        clock=clock,
        wakeup=parts.wakeup,
        note=note,
        max_claims=pace.max_claims,
        apart_s=2 * pace.poll_s,  # what is due in one look is done together
    )
    sealer = Sealer(ledgers=ledgers, casebook=casebook, clock=clock)
    return (
        *(
            Worker(
                store=parts.store,
                queue=queue,
                handle=handle,
                clock=clock,
                ids=ledgers.ids,
                wakeup=parts.wakeup,
                note=note,
                pace=paces.get(queue, pace),
                claim=arrivals.claim if queue == ASSEMBLE else work.claim,
            )
            for queue, handle in jobs.items()
        ),
        *await couriers(
            config.endpoints,
            ledgers=ledgers,
            http=parts.http,
            note=note,
            pace=pace,
            reach=reach,
            source=str(config.site.public_url),
        ),
        Rounds("sealing", sealer.seal_due, 1.0, note),
        Rounds("rescue", rescue, pace.lease_s / 3, note),
    )
