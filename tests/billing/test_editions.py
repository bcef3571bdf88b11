"""The editions, against the numbers of the purchase guide."""

from __future__ import annotations

import pytest

from billing.accounts import load_catalogue
from billing.editions import CatalogueError, parse
from billing.interface import Feature, Gauge, Tier, tier_of

# name: price, rooms, audience, seats, linked rooms, minutes, max pixels
GUIDE = {
    "trial": ("0", 10, 100, 16, 9, None, 4096 * 2160),
    "single_host": ("2124", 30, 1000, 1, 0, 110_000, 1920 * 1080),
    "multi_guest": ("4874", 50, 2000, 10, 2, 380_000, 1920 * 1080),
    "large_scale": ("9249", 500, None, 16, 9, 1_400_000, 4096 * 2160),
    "multi_guest_ai": ("4374", 50, 2000, 10, 2, 380_000, 1920 * 1080),
    "large_scale_ai": ("10999", 500, None, 16, 9, 1_400_000, 4096 * 2160),
}
FULL_ONLY = {Feature.PREVIEW, Feature.WATERFALL, Feature.FOLLOW, Feature.SEARCH, Feature.GIFT, Feature.QUIC,
             Feature.HIGH_RESOLUTION}  # fmt: skip
GUESTS = {Feature.CO_GUEST, Feature.CO_HOST, Feature.RTMP_INGEST, Feature.NOISE_SUPPRESSION}
EVERYBODY = {Feature.BEAUTY, Feature.AUDIENCE_LIST, Feature.PUSH_HELPER}


def test_there_are_the_six_editions_of_the_guide() -> None:
    assert set(load_catalogue().editions) == set(GUIDE)


@pytest.mark.parametrize("name", GUIDE)
def test_an_edition_is_what_the_guide_says(name: str) -> None:
    edition = load_catalogue().editions[name]
    price, rooms, audience, seats, linked, minutes, pixels = GUIDE[name]

    assert edition.price == price
    assert edition.limits == {
        Gauge.ROOMS: rooms, Gauge.AUDIENCE: audience, Gauge.SEATS: seats, Gauge.LINKED_ROOMS: linked,
    }  # fmt: skip
    assert edition.included.get("av_minutes") == minutes
    assert edition.max_pixels == pixels
    assert edition.features >= EVERYBODY
    assert (edition.features >= FULL_ONLY) == (name in ("trial", "large_scale", "large_scale_ai"))
    assert (edition.features >= GUESTS) == (name != "single_host")
    assert (Feature.RECORDING in edition.features) == name.endswith("_ai")
    assert Feature.ULTIMATE_PICTURE not in edition.features


def test_a_bad_table_is_one_error_that_lists_every_fault() -> None:
    with pytest.raises(CatalogueError) as error:
        parse('verified = true\n[[edition]]\nname = "x"\nfeatures = ["flying"]\nrooms = "many"\n')

    for fault in ("flying", "rooms", "audience", "pixels.standard", "source", "effective"):
        assert fault in str(error.value)


@pytest.mark.parametrize(
    ("pixels", "tier"),
    [
        (0, Tier.AUDIO), (1, Tier.SD), (640 * 480, Tier.SD), (640 * 480 + 1, Tier.HD), (1280 * 720, Tier.HD),
        (1280 * 720 + 1, Tier.FHD), (1920 * 1080, Tier.FHD), (1920 * 1080 + 1, Tier.QHD), (2560 * 1440, Tier.QHD),
        (2560 * 1440 + 1, Tier.UHD), (4096 * 2160, Tier.UHD), (7680 * 4320, Tier.UHD),
    ],
)  # fmt: skip
def test_the_bounds_of_a_tier_are_inclusive(pixels: int, tier: Tier) -> None:
    assert tier_of(pixels) is tier
