"""What an operator's machines ask: alive, ready, and the counters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

__all__ = ["Health", "COUNTERS"]

COUNTERS = frozenset({
    "packets_received", "packets_sent", "bytes_sent", "feedback", "layers", "joins",
    "told", "delivered", "failed_attempts", "dead", "refused", "lost",
    "questions_asked", "questions_refused", "questions_unanswered",
})  # fmt: skip
"""Statistics that only grow; the others are gauges."""


class Health:
    """`/healthz`, `/readyz`, `/metrics`."""

    def __init__(
        self,
        statistics: Mapping[str, Callable[[], Mapping[str, int]]],
        drops: Callable[[], Iterator[tuple[str, int]]],
        is_ready: Callable[[], bool],
        facts: Mapping[str, str],
    ) -> None:
        """`statistics` by subject: each function gives numbers by name. `facts`: how this node was started."""
        self._statistics = statistics
        self._drops = drops
        self._is_ready = is_ready
        self._facts = facts
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._registry.register(self)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
        ]

    def collect(self) -> Iterator[Metric]:
        """prometheus_client's collector protocol."""
        for subject, read in self._statistics.items():
            for name, value in read().items():
                title = f"{subject} {name.replace('_', ' ')}"
                if name in COUNTERS:
                    yield CounterMetricFamily(f"tally_{subject}_{name}", title, value)
                else:
                    yield GaugeMetricFamily(f"tally_{subject}_{name}", title, value)
        drops = CounterMetricFamily("tally_media_drops", "packets not passed on, by reason", labels=["reason"])
        for reason, count in self._drops():
            drops.add_metric([reason], count)
        yield drops

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "alive", **self._facts})

    async def _readyz(self, request: web.Request) -> web.Response:
        ready = self._is_ready()
        return web.json_response({"status": "ready" if ready else "not ready"}, status=200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
