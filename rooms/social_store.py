"""The database of what outlives a room: profiles, follows, the gifts of an app.

SQLAlchemy Core, SQL that SQLite and PostgreSQL share. Every function here is one transaction, runs in one worker
thread, and never blocks the loop. How many follow whom is kept beside the follows and changes in the same transaction:
counting a million rows for each profile would cost more than all the rest.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from rooms.follows import MAX_FOLLOWED, FollowCounts, FollowKind, follows_too_many
from rooms.ids import AppId, UserId
from rooms.profiles import Profile, ProfileChange

__all__ = ["SocialStore"]

T = TypeVar("T")
metadata = sa.MetaData()
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite numbers rows by itself in a column of type INTEGER only."""

profiles = sa.Table(
    "profiles", metadata,
    sa.Column("sdkappid", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("userid", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("avatar", sa.String(200), nullable=False),
    sa.Column("signature", sa.String(200), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
)  # fmt: skip
follows = sa.Table(
    "follows", metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("sdkappid", sa.BigInteger, nullable=False),
    sa.Column("follower", sa.String(32), nullable=False),
    sa.Column("followed", sa.String(32), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.UniqueConstraint("sdkappid", "follower", "followed"),
    sa.Index("follows_followers", "sdkappid", "followed", "number"),
    sa.Index("follows_following", "sdkappid", "follower", "number"),
    sqlite_autoincrement=True,  # a number names one follow for ever, or a cursor would lead astray
)  # fmt: skip
follow_counts = sa.Table(
    "follow_counts", metadata,
    sa.Column("sdkappid", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("userid", sa.String(32), primary_key=True),
    sa.Column("followers", sa.Integer, nullable=False),
    sa.Column("following", sa.Integer, nullable=False),
)  # fmt: skip
gift_catalogues = sa.Table(
    "gift_catalogues", metadata,
    sa.Column("sdkappid", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)  # fmt: skip


class SocialStore:
    """One database by URL."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, hide_parameters=True)  # in logs, where secrets do not belong
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _tune_sqlite)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="social")

    async def open(self) -> None:
        await self._run(lambda connection: metadata.create_all(connection))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown()

    async def _run(self, work: Callable[[sa.Connection], T]) -> T:
        """`work` in one transaction, in the store's thread; once more when another node made the same row meanwhile."""

        def transact() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        def transact_twice() -> T:
            try:
                return transact()
            except IntegrityError:
                return transact()

        return await asyncio.get_running_loop().run_in_executor(self._thread, transact_twice)

    # Profiles

    async def profiles(self, app: AppId, users: Collection[UserId]) -> Mapping[UserId, Profile]:
        query = sa.select(profiles).where(profiles.c.sdkappid == app, profiles.c.userid.in_(users))
        return await self._run(lambda c: {UserId(row.userid): _profile(row) for row in c.execute(query)})

    async def change_profile(self, app: AppId, user: UserId, change: ProfileChange) -> Profile:
        return await self._run(lambda connection: _change_profile(connection, app, user, change))

    # Follows

    async def follow(self, app: AppId, user: UserId, target: UserId, now: float) -> bool:
        return await self._run(lambda connection: _follow(connection, app, user, target, now))

    async def unfollow(self, app: AppId, user: UserId, target: UserId) -> bool:
        return await self._run(lambda connection: _unfollow(connection, app, user, target))

    async def follow_list(
        self, app: AppId, user: UserId, kind: FollowKind, before: int | None, count: int
    ) -> Sequence[tuple[int, UserId]]:
        owner, other = _columns(kind)
        query = sa.select(follows.c.number, other).where(follows.c.sdkappid == app, owner == user)
        if before is not None:
            query = query.where(follows.c.number < before)
        newest = query.order_by(follows.c.number.desc()).limit(count)
        return await self._run(lambda c: [(number, UserId(name)) for number, name in c.execute(newest)])

    async def follow_counts(self, app: AppId, users: Collection[UserId]) -> Mapping[UserId, FollowCounts]:
        return await self._run(lambda connection: _counts(connection, app, users))

    async def among(self, app: AppId, user: UserId, kind: FollowKind, users: Collection[UserId]) -> set[UserId]:
        owner, other = _columns(kind)
        query = sa.select(other).where(follows.c.sdkappid == app, owner == user, other.in_(users))
        return await self._run(lambda c: {UserId(name) for name in c.execute(query).scalars()})

    # Gifts

    async def gifts(self, app: AppId) -> tuple[str, int] | None:
        query = sa.select(gift_catalogues).where(gift_catalogues.c.sdkappid == app)
        row = await self._run(lambda connection: connection.execute(query).first())
        return (row.record, row.version) if row is not None else None

    async def save_gifts(self, app: AppId, record: str, version: int) -> bool:
        return await self._run(lambda connection: _save_gifts(connection, app, record, version))


def _profile(row: Any) -> Profile:
    return Profile(UserId(row.userid), row.name, row.avatar, row.signature, json.loads(row.words))


def _change_profile(connection: sa.Connection, app: AppId, user: UserId, change: ProfileChange) -> Profile:
    own = sa.and_(profiles.c.sdkappid == app, profiles.c.userid == user)
    row = connection.execute(sa.select(profiles).where(own).with_for_update()).first()
    changed = change.applied_to(_profile(row) if row is not None else Profile(user))
    values = {
        "name": changed.name, "avatar": changed.avatar, "signature": changed.signature,
        "words": json.dumps(dict(changed.words)),
    }  # fmt: skip
    if row is None:
        connection.execute(profiles.insert().values(sdkappid=app, userid=user, **values))
    else:
        connection.execute(profiles.update().where(own).values(values))
    return changed


def _follow(connection: sa.Connection, app: AppId, user: UserId, target: UserId, now: float) -> bool:
    before = _lock_counts(connection, app, user, target)
    if _is_following(connection, app, user, target):
        return False
    if before.get(user, FollowCounts()).following >= MAX_FOLLOWED:
        raise follows_too_many()
    connection.execute(follows.insert().values(sdkappid=app, follower=user, followed=target, at=now))
    for each in (user, target):
        if each not in before:
            connection.execute(follow_counts.insert().values(sdkappid=app, userid=each, followers=0, following=0))
    _add(connection, app, user, target, 1)
    return True


def _unfollow(connection: sa.Connection, app: AppId, user: UserId, target: UserId) -> bool:
    _lock_counts(connection, app, user, target)
    if not _is_following(connection, app, user, target):
        return False
    own = sa.and_(follows.c.sdkappid == app, follows.c.follower == user, follows.c.followed == target)
    connection.execute(follows.delete().where(own))
    _add(connection, app, user, target, -1)
    return True


def _lock_counts(connection: sa.Connection, app: AppId, user: UserId, target: UserId) -> Mapping[UserId, FollowCounts]:
    """The counts of both, for this transaction alone; in one order, so that two who follow each other do not wait for
    each other. SQLite has one writer anyway, and knows no such lock."""
    return _counts(connection, app, (user, target), lock=True)


def _counts(
    connection: sa.Connection, app: AppId, users: Collection[UserId], *, lock: bool = False
) -> Mapping[UserId, FollowCounts]:
    query = sa.select(follow_counts).where(follow_counts.c.sdkappid == app, follow_counts.c.userid.in_(users))
    if lock:
        query = query.order_by(follow_counts.c.userid).with_for_update()
    return {UserId(row.userid): FollowCounts(row.followers, row.following) for row in connection.execute(query)}


def _is_following(connection: sa.Connection, app: AppId, user: UserId, target: UserId) -> bool:
    query = sa.select(follows.c.number).where(
        follows.c.sdkappid == app, follows.c.follower == user, follows.c.followed == target
    )
    return connection.execute(query).first() is not None


def _add(connection: sa.Connection, app: AppId, user: UserId, target: UserId, one: int) -> None:
    for who, counted in ((user, follow_counts.c.following), (target, follow_counts.c.followers)):
        row = sa.and_(follow_counts.c.sdkappid == app, follow_counts.c.userid == who)
        connection.execute(follow_counts.update().where(row).values({counted: counted + one}))


def _save_gifts(connection: sa.Connection, app: AppId, record: str, version: int) -> bool:
    own = gift_catalogues.c.sdkappid == app
    if version == 0:
        if connection.execute(sa.select(gift_catalogues.c.version).where(own)).first() is not None:
            return False
        connection.execute(gift_catalogues.insert().values(sdkappid=app, version=1, record=record))
        return True
    newest = sa.and_(own, gift_catalogues.c.version == version)
    changed = connection.execute(gift_catalogues.update().where(newest).values(version=version + 1, record=record))
    return changed.rowcount == 1


def _columns(kind: FollowKind) -> tuple[sa.Column[str], sa.Column[str]]:
    """Whose list it is, and who is in it."""
    if kind is FollowKind.FOLLOWERS:
        return follows.c.followed, follows.c.follower
    return follows.c.follower, follows.c.followed


def _tune_sqlite(connection: Any, _: object) -> None:
    """WAL, so that reading never waits; FULL, so that what was answered survives a power cut."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
