"""Count requests, streams and seconds of audio for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Counters and gauges of one server, in a separate registry.

    Args:
        inside: returns the number of requests that hold a place.
        streams: returns the number of live streams.
        voices: returns the number of enrolled voices.
    """

    def __init__(
        self, inside: Callable[[], int], streams: Callable[[], int], voices: Callable[[], int]
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "serenade_requests_total",
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "serenade_request_seconds",
            "Time from a request's first byte to its answer's last.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.audio = Counter(
            "serenade_audio_seconds_total",
            "Seconds of recordings and streams that were predicted.",
            registry=self.registry,
        )
        for name, text, value in (
            ("serenade_inside", "Requests worked on or waiting.", inside),
            ("serenade_streams", "Live streams.", streams),
            ("serenade_voices", "Enrolled voices that are remembered.", voices),
        ):
            Gauge(name, text, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)
