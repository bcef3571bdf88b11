"""Accounts, apps and what they may do: the making of them, and the answers that every admission needs.

What an app may do is kept in memory once read: a room is admitted without touching SQL. Trials: 7 days each, 2 of an
app, 10 of an account over all its apps; an extension is the second one (purchase guide, 开通体验版).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from billing.editions import Catalogue, Edition, parse
from billing.errors import bad_parameter, no_edition, suspended, trial_used_up, unknown_account, unknown_app
from billing.interface import AppId, EditionView, Gauge
from billing.store import App, Store, Trial

__all__ = ["Accounts", "DemoApp", "load_catalogue"]

FIRST_APP = 1_400_000_001
"""SDKAppIDs from here on are domestic apps in the public numbering."""
TRIAL_DAYS = 7
TRIALS_OF_APP = 2
TRIALS_OF_ACCOUNT = 10
DEMO_ACCOUNT = "acc_demo"
CATALOGUE = "editions-2025-11-21.toml"


def load_catalogue() -> Catalogue:
    """The table in force. Raises billing.editions.CatalogueError."""
    return parse((files("billing") / "data" / CATALOGUE).read_text())


@dataclass(frozen=True, slots=True)
class DemoApp:
    """The app that a first start makes."""

    app: AppId
    secret: str
    expires_at: float | None
    """Unix seconds at which its trial ends, or ended."""


class Accounts:
    """Everything about who owns what."""

    def __init__(self, store: Store, catalogue: Catalogue, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._apps: dict[AppId, App] = {}

    # Making

    async def create_account(self, name: str) -> str:
        identifier = f"acc_{secrets.token_hex(8)}"
        await self._store.add_account(identifier, name, self._clock())
        return identifier

    async def create_app(self, account: str, name: str) -> tuple[AppId, str]:
        """(SDKAppID, secret). It can do nothing before it has a trial or an edition."""
        if not await self._store.has_account(account):
            raise unknown_account()
        secret = secrets.token_hex(32)
        return await self._store.add_app(account, name, secret, FIRST_APP, self._clock()), secret

    async def start_trial(self, app: AppId) -> Trial:
        """The first trial, or the extension by the second. Raises Refused `trial_used_up`."""
        await self._app(app)
        own, of_account = await self._store.trials(app)
        if len(own) >= TRIALS_OF_APP:
            raise trial_used_up(f"This app has had its {TRIALS_OF_APP} trials.", TRIALS_OF_APP)
        if of_account >= TRIALS_OF_ACCOUNT:
            raise trial_used_up(f"This account has had its {TRIALS_OF_ACCOUNT} trials.", TRIALS_OF_ACCOUNT)
        start = max(self._clock(), own[-1].ends_at if own else 0.0)
        trial = Trial(len(own) + 1, start, start + TRIAL_DAYS * 86400)
        await self._store.add_trial(app, trial)
        self._apps.pop(app, None)
        return trial

    async def assign_edition(self, app: AppId, edition: str, until: float | None) -> None:
        """Gives the app an edition from now on; None is without end."""
        await self._app(app)
        if edition not in self._catalogue.editions:
            raise bad_parameter(f"An edition is one of {', '.join(self._catalogue.editions)}.")
        if until is not None and until <= self._clock():
            raise bad_parameter("The edition would have ended already.")
        await self._store.add_subscription(app, edition, self._clock(), until)
        self._apps.pop(app, None)

    async def demo_app(self) -> DemoApp:
        """The demo's account, app and trial, made at the first call and found again ever after."""
        if not await self._store.has_account(DEMO_ACCOUNT):
            await self._store.add_account(DEMO_ACCOUNT, "Demo", self._clock())
        app = await self._store.app_of_account(DEMO_ACCOUNT)
        if app is None:
            app, _ = await self.create_app(DEMO_ACCOUNT, "Demo")
        own, _ = await self._store.trials(app)
        if not own:
            await self.start_trial(app)
        found = await self._app(app)
        return DemoApp(app, found.secret, found.expires_at)

    # Answering

    async def app_secret(self, app: AppId) -> str:
        return (await self._app(app)).secret

    async def in_force(self, app: AppId) -> Edition:
        """The edition that holds now. Raises Refused 100007 when there is none, or the app is suspended."""
        found = await self._app(app)
        if found.block is not None:
            raise suspended(found.block)
        if found.edition is None or (found.expires_at is not None and found.expires_at <= self._clock()):
            raise no_edition()
        return self._catalogue.editions[found.edition]

    async def edition(self, app: AppId) -> EditionView:
        found = await self._app(app)
        over = found.expires_at is not None and found.expires_at <= self._clock()
        if found.edition is None or over or found.block is not None:
            return EditionView(app, "none", frozenset(), dict.fromkeys(Gauge, 0), 0, found.expires_at)
        edition = self._catalogue.editions[found.edition]
        return EditionView(app, edition.name, edition.features, edition.limits, edition.max_pixels, found.expires_at)

    async def _app(self, app: AppId) -> App:
        found = self._apps.get(app)
        if found is None:
            found = await self._store.app(app)
            if found is None:
                raise unknown_app()
            self._apps[app] = found
        return found
