"""What the library would have shown of the same times is what is shown."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from gateway.web.timing import AckTimes

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SECONDS = st.one_of(st.floats(0, 20), st.sampled_from(_BOUNDS_S))


@given(st.lists(st.tuples(st.sampled_from(("a", "b")), _SECONDS)))
def test_times_are_shown_as_the_librarys_own_histogram_shows_them(
    observed: list[tuple[str, float]],
) -> None:
    registry, oracle = CollectorRegistry(), CollectorRegistry()
    times = AckTimes(registry)
    histogram = Histogram(
        "hotline_acknowledge_seconds",
        "From a provider's request to its acknowledgement",
        ["kind", "account"],
        registry=oracle,
        buckets=_BOUNDS_S,
    )
    accounts = {name: times.of("sms", name) for name, _ in observed}
    for name, seconds in observed:
        accounts[name](seconds)
        histogram.labels("sms", name).observe(seconds)
    expected = [
        line for line in generate_latest(oracle).decode().splitlines() if "_created" not in line
    ]
    assert generate_latest(registry).decode().splitlines() == expected
