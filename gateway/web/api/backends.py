"""``POST /api/v1/backends/{name}/status``: a backend tells how its case goes, signed."""

from dataclasses import dataclass

import msgspec
from msgspec import Struct

from gateway.delivery.status import StatusDesk, StatusOutcome, StatusReport
from gateway.web.api.names import EndpointPath
from gateway.web.api.operation import Answer, Call, Nothing, Operation, Reply


class StatusTaken(Struct, frozen=True, kw_only=True):
    """What the callback came to; none of these need be sent again."""

    outcome: StatusOutcome


@dataclass(frozen=True, slots=True)
class BackendsApi:
    """The desk that takes status callbacks, over HTTP."""

    desk: StatusDesk

    def operations(self) -> tuple[Operation, ...]:
        """Return the operation."""
        return (
            Operation(
                name="reportStatus",
                method="POST",
                path="/api/v1/backends/{name}/status",
                tag="backends",
                summary="Tell how a forwarded case goes; signed as Standard Webhooks 1.0 says",
                handler=self.status,
                signed=True,
                described_body=StatusReport,
                answers=(Answer(description="Taken note of", type=StatusTaken),),
                problems=("malformed", "not_found", "not_forwarded"),
            ),
        )

    async def status(self, call: Call[EndpointPath, Nothing, bytes]) -> Reply:
        """Verify the signature over the bytes as they came, and mirror the status."""
        outcome = await self.desk.record_backend_status(
            call.path.name, call.request.headers, call.body
        )
        return Reply(body=msgspec.json.encode(StatusTaken(outcome=outcome)))
