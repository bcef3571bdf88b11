"""Follows and profiles, in the real store: SQLite in a file, closed and opened again where it matters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_entitlements import FakeEntitlements
from room_house import APP, Clock
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from billing.interface import AppId, Feature, Refused
from rooms.errors import RoomRefused
from rooms.follows import MAX_FOLLOWED, FollowChanged, FollowCounts, FollowKind
from rooms.ids import UserId
from rooms.people import CHUNK, People
from rooms.profiles import MAX_WORDS, Profile, ProfileChange
from rooms.social_store import SocialStore, metadata

A, B, C, STAR = UserId("a"), UserId("b"), UserId("c"), UserId("star")
FOLLOWERS, FOLLOWING = FollowKind.FOLLOWERS, FollowKind.FOLLOWING


class Town:
    """People with their store, and what was told of them."""

    def __init__(self, store: SocialStore) -> None:
        self.store = store
        self.clock = Clock()
        self.billing = FakeEntitlements(self.clock)
        self.told: list[FollowChanged] = []
        self.people = People(store, self.billing, clock=self.clock, listener=self.told.append)

    async def star(self, count: int) -> None:
        for number in range(count):
            await self.people.follow(APP, UserId(f"u{number}"), STAR)

    async def page(self, cursor: str, count: int, kind: FollowKind = FOLLOWERS) -> tuple[list[str], str]:
        found, following = await self.people.follow_list(APP, A, STAR, kind, cursor=cursor, count=count)
        return [str(person.profile.user) for person in found], following

    async def counts(self, user: UserId) -> FollowCounts:
        return (await self.people.person(APP, A, user)).counts


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SocialStore]:
    made = SocialStore(f"sqlite:///{tmp_path / 'social.db'}")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def town(store: SocialStore) -> Town:
    return Town(store)


async def test_following_twice_changes_nothing_the_second_time(town: Town) -> None:
    assert await town.people.follow(APP, A, B) == 1
    assert await town.people.follow(APP, A, B) == 1
    assert (await town.counts(A), await town.counts(B)) == (FollowCounts(0, 1), FollowCounts(1, 0))
    assert (await town.people.person(APP, A, B)).followed
    assert not (await town.people.person(APP, B, A)).followed
    assert not (await town.people.person(AppId(APP + 1), A, B)).followed, "another app"
    assert await town.people.unfollow(APP, A, B) == 0
    assert await town.people.unfollow(APP, A, B) == 0
    assert await town.people.unfollow(APP, A, C) == 0
    assert (await town.counts(A), await town.counts(B)) == (FollowCounts(0, 0), FollowCounts(0, 0))
    assert [(told.user, told.target, told.followed) for told in town.told] == [(A, B, True), (A, B, False)]


async def test_two_may_follow_each_other(town: Town) -> None:
    await town.people.follow(APP, A, B)
    await town.people.follow(APP, B, A)

    assert (await town.counts(A), await town.counts(B)) == (FollowCounts(1, 1), FollowCounts(1, 1))


async def test_nobody_follows_itself_or_a_name_that_is_none(town: Town) -> None:
    for target in (A, UserId("no name"), UserId("")):
        with pytest.raises(RoomRefused) as refused:
            await town.people.follow(APP, A, target)
        assert refused.value.code == 100002
    assert await town.counts(A) == FollowCounts(0, 0)
    assert not town.told


async def test_follows_need_the_edition(town: Town) -> None:
    town.billing.features.remove(Feature.FOLLOW)

    for wish in (
        town.people.follow(APP, A, B),
        town.people.unfollow(APP, A, B),
        town.people.follow_list(APP, A, B, FOLLOWERS),
        town.people.among(APP, A, FOLLOWING, [B]),
    ):
        with pytest.raises(Refused) as refused:
            await wish
        assert refused.value.code == 100007
    assert (await town.people.person(APP, A, B)).counts == FollowCounts(0, 0), "profiles are everybody's"


async def test_a_user_follows_five_thousand_others_and_no_more(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_FOLLOWED == 5000
    monkeypatch.setattr("rooms.social_store.MAX_FOLLOWED", 3)  # 5,000 durable transactions say no more than three
    for number in range(3):
        await town.people.follow(APP, A, UserId(f"u{number}"))

    with pytest.raises(RoomRefused) as refused:
        await town.people.follow(APP, A, B)
    assert (refused.value.code, refused.value.limit) == (100002, MAX_FOLLOWED)
    assert await town.counts(B) == FollowCounts(0, 0)
    assert await town.people.follow(APP, A, UserId("u0")) == 1, "it is followed already, so nothing more is asked for"
    await town.people.unfollow(APP, A, UserId("u0"))
    assert await town.people.follow(APP, A, B) == 1


async def test_pages_go_from_the_newest_to_the_oldest(town: Town) -> None:
    await town.star(4)
    for target in (B, C):
        await town.people.follow(APP, STAR, target)

    first, cursor = await town.page("", 2)
    assert (first, await town.page(cursor, 2)) == (["u3", "u2"], (["u1", "u0"], "")), (
        "a page that just fits is the last"
    )
    assert await town.page("", 9, FOLLOWING) == (["c", "b"], "")


async def test_who_comes_and_goes_between_two_pages_shifts_nothing(town: Town) -> None:
    await town.star(6)
    _, cursor = await town.page("", 2)  # u5, u4

    await town.people.unfollow(APP, UserId("u4"), STAR)
    await town.people.unfollow(APP, UserId("u2"), STAR)
    await town.people.follow(APP, A, STAR)
    await town.people.unfollow(APP, UserId("u5"), STAR)
    await town.people.follow(APP, UserId("u5"), STAR)  # anew: it is the newest

    assert (await town.page(cursor, 9))[0] == ["u3", "u1", "u0"]
    assert (await town.page("", 9))[0] == ["u5", "a", "u3", "u1", "u0"]


async def test_the_number_of_the_newest_follow_is_not_given_out_again(town: Town) -> None:
    await town.star(2)
    _, cursor = await town.page("", 1)  # the number of u1, the newest
    await town.people.unfollow(APP, UserId("u1"), STAR)
    await town.people.follow(APP, A, STAR)

    assert (await town.page(cursor, 9))[0] == ["u0"], "who came after the page was looked at is not on the next one"


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 19, " 1", "\u0663"])
async def test_a_cursor_that_was_not_given_out_is_refused(town: Town, cursor: str) -> None:
    for kind in FollowKind:
        with pytest.raises(RoomRefused) as refused:
            await town.page(cursor, 1, kind)
        assert refused.value.code == 100002


async def test_a_page_has_at_least_one_place(town: Town) -> None:
    with pytest.raises(RoomRefused) as refused:
        await town.page("", 0)

    assert refused.value.code == 100002


async def test_who_of_many_follows_somebody_is_asked_in_chunks(town: Town) -> None:
    await town.star(3)
    many = [UserId(f"u{number}") for number in range(CHUNK + 2, 0, -1)]

    assert await town.people.among(APP, STAR, FOLLOWERS, many) == {"u1", "u2"}
    assert await town.people.among(APP, UserId("u1"), FOLLOWING, [STAR, B]) == {STAR}


async def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    first, second = (SocialStore(f"sqlite:///{tmp_path / 'social.db'}") for _ in range(2))
    await first.open()
    await Town(first).people.follow(APP, A, STAR)
    await Town(first).people.change_profile(APP, STAR, ProfileChange("Stella", "https://a/b.png", "hi", {"age": 7}))
    await first.close()

    await second.open()
    person = await Town(second).people.person(APP, A, STAR)
    await second.close()

    assert person.profile == Profile(STAR, "Stella", "https://a/b.png", "hi", {"age": 7})
    assert (person.counts, person.followed) == (FollowCounts(1, 0), True)


async def test_what_a_change_does_not_name_stays(town: Town) -> None:
    people = town.people
    await people.change_profile(APP, A, ProfileChange("Anna", "http://a/b.png", "hi", {"level": 1, "town": "X"}))

    changed = await people.change_profile(APP, A, ProfileChange(signature="", words={"level": 2}))

    assert changed == Profile(A, "Anna", "http://a/b.png", "", {"level": 2, "town": "X"})
    assert dict(await people.profiles(APP, [A, B])) == {A: changed}
    assert await people.name(APP, A) == "Anna"
    assert await people.name(APP, B) == "b", "its id, where it has no name"
    assert (await people.person(APP, A, B)).profile == Profile(B)


@pytest.mark.parametrize(
    "wish",
    [
        {"name": "é" * 51},
        {"avatar": "javascript:alert(1)"},
        {"avatar": "data:image/png;base64,"},
        {"avatar": "https://" + "a" * 193},
        {"signature": "s" * 201},
        {"signature": "\ud800"},
        {"name": "NUL\0"},  # PostgreSQL keeps none
        {"words": {"long": "w" * 501}},
    ],
)
def test_what_does_not_fit_a_profile_is_refused(wish: dict[str, object]) -> None:
    with pytest.raises(RoomRefused) as refused:
        ProfileChange(**wish)  # type: ignore[arg-type]
    assert refused.value.code == 100002


async def test_a_profile_has_so_many_words_and_no_more(town: Town) -> None:
    words = {f"w{number}": number for number in range(MAX_WORDS)}
    await town.people.change_profile(APP, A, ProfileChange(words=words))

    with pytest.raises(RoomRefused) as refused:
        await town.people.change_profile(APP, A, ProfileChange(name="Anna", words={"more": 1}))
    assert refused.value.code == 100002
    assert (await town.people.profiles(APP, [A]))[A].name == "", "nothing of it was done"


def test_the_tables_are_those_of_postgresql_too() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = {table.name: str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables}

    assert set(made) == {"profiles", "follows", "follow_counts", "gift_catalogues"}
    assert "number BIGSERIAL" in made["follows"], "a number of 32 bits would be used up"


async def test_follows_begun_and_ended_are_limited(town: Town) -> None:
    for _ in range(5):
        await town.people.follow(APP, A, B)
        await town.people.unfollow(APP, A, B)
    for refused in (town.people.follow(APP, A, B), town.people.unfollow(APP, A, B)):
        with pytest.raises(RoomRefused) as refusal:
            await refused
        assert refusal.value.code == 100012
    assert await town.people.follow(APP, C, B) == 1, "another's turn"
    town.clock.now += 1
    assert await town.people.follow(APP, A, B) == 2
