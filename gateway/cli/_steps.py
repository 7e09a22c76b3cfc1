"""Named points for the failure tests: ``HOTLINE_STOP_AT=name:n`` kills the process there."""

import os
import signal

from gateway.store.steps import Reach, no_step

VARIABLE = "HOTLINE_STOP_AT"


def steps_from_environment() -> Reach:
    """Return a step function that dies at the n-th passing of a named point, if one is named."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return no_step
    name, _, count = wanted.partition(":")
    left = int(count or 1)

    def reach(step: str) -> None:
        nonlocal left
        if step != name:
            return
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
