"""Whole stories: a real node as its own process, real browsers, real clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright
from stage import CHROMIUM, CHROMIUM_ARGS, NodeProcess


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Starts nodes over one data folder; whatever happens, none is left running."""
    started: list[NodeProcess] = []

    def start(*options: str) -> NodeProcess:
        started.append(NodeProcess(tmp_path, options))
        started[-1].start()
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def node(nodes: Callable[..., NodeProcess]) -> Iterator[NodeProcess]:
    """A running node with a fresh data folder; it must stop cleanly and log no error."""
    process = nodes()
    yield process
    assert process.stop() == 0
    assert " ERROR " not in process.log, process.log


@pytest.fixture
async def chromium() -> AsyncIterator[Callable[[], Awaitable[Browser]]]:
    """Starts headless Chromiums with a fake camera; all are closed in the end."""
    assert CHROMIUM.exists(), "Chromium is missing: tools/test installs it with apt where it may"
    browsers: list[Browser] = []
    async with async_playwright() as playwright:

        async def start() -> Browser:
            browsers.append(await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGS))
            return browsers[-1]

        yield start
        for browser in browsers:
            await browser.close()
