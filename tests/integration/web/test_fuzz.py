"""A fuzzer reads the API's own description and finds no fault and no answer not announced."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from gateway.delivery import signing
from gateway.delivery.keyring import signing_keys
from gateway.domain.intake import InboundMessage
from tests.contract.kit.office import open_office
from tests.integration.intake.conftest import WEB
from tests.integration.web.conftest import CASEWORK, Door, opened_door, web_account
from tests.integration.web.described import described_api

EXAMPLES = 12
# What a schema allows a draft may still refuse: a stale revision, a state, an unknown file.
NOT_OURS: list[CheckFunction] = [positive_data_acceptance]


@dataclass(frozen=True, repr=False)
class Target:
    """A served gateway with something in it."""

    door: Door
    draft_ids: tuple[str, ...]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """A gateway on a thread of its own: the fuzzer blocks its caller's."""
    served: Future[tuple[Target, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve(folder: Path) -> None:
        url = f"sqlite:///{folder}/hotline.db"
        async with (
            open_office(url) as office,
            opened_door(office, folder) as door,
        ):
            for number in range(6):
                await office.hears(
                    InboundMessage(
                        contact=f"web:{number}",
                        entry="12345",
                        dedupe_key=f"k{number}",
                        text=f"第{number}件 👩‍👩‍👧",
                        seals=True,
                    ),
                    WEB,
                )
            ids = tuple(draft.draft_id for draft in await office.drafts())
            await door.ask("POST", f"/api/v1/drafts/{ids[0]}/confirm")
            stop = asyncio.Event()
            served.set_result((Target(door, ids), asyncio.get_running_loop(), stop))
            await stop.wait()

    def run(folder: Path) -> None:
        try:
            asyncio.run(serve(folder))
        except BaseException as error:
            if not served.done():
                served.set_exception(error)
            raise

    with tempfile.TemporaryDirectory() as folder:
        thread = threading.Thread(target=run, args=(Path(folder),))
        thread.start()
        target, loop, stop = served.result(timeout=30)
        yield target
        loop.call_soon_threadsafe(stop.set)
        thread.join()


api = schemathesis.openapi.from_dict(described_api(web_account()).document)
# RFC 6585 has a status of its own for a missing If-Match.
api.config.checks.missing_required_header.expected_statuses = ["428", "401", "400"]


@api.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_was_announced(
    case: "schemathesis.Case[Any]", target: Target
) -> None:
    headers = {"Authorization": f"Bearer {target.door.token}"}
    positive = case.meta is None or case.meta.generation.mode.is_positive
    if positive and "draft_id" in case.path_parameters:
        given = sum(case.path_parameters["draft_id"].encode())
        case.path_parameters["draft_id"] = (*target.draft_ids, "0" * 26)[given % 7]
    if case.operation.path.endswith("/status"):
        case.path_parameters["name"] = CASEWORK.name
        prepared = requests.Request(**case.as_transport_kwargs(base_url=target.door.url)).prepare()
        body = prepared.body or b""
        headers = signing.sign(
            signing_keys(CASEWORK),
            message_id="m1",
            sent_at=target.door.office.clock.now(),
            body=bytes(body, "utf-8") if isinstance(body, str) else cast(bytes, body),
        )
    response = case.call(base_url=target.door.url, headers=headers)
    case.validate_response(response, excluded_checks=NOT_OURS)
