"""The `tally` command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from signaling import usersig
from tools.cli import main

TALLY = Path(sys.executable).with_name("tally")


def test_every_command_helps() -> None:
    for command in (
        [],
        ["serve"],
        ["usersig"],
        ["doctor"],
        ["load"],
        ["fuzz"],
        ["bench"],
        ["bench", "forward"],
        ["bench", "join"],
        ["bench", "memory"],
        ["bench", "latency"],
        ["bench", "feedback"],
        ["bench", "barrage"],
        ["ledger"],
        ["ledger", "audit"],
    ):
        result = CliRunner().invoke(main, [*command, "--help"])
        assert result.exit_code == 0
        assert "Usage:" in result.output


def test_a_usersig_is_made_with_the_secret_of_the_environment() -> None:
    result = CliRunner().invoke(main, ["usersig", "--app", "7", "--user", "ann"], env={"TALLY_SECRET": "s"})

    claims = usersig.read(result.output.strip())
    assert (claims.app, claims.user, claims.expire) == (7, "ann", 86400)
    claims.verify("s", claims.time)


def test_settings_that_cannot_be_used_are_listed_together(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(
        main, ["serve", "--data", str(tmp_path / "data"), "--host", "nowhere", "--announce", "0.0.0.0"]
    )

    assert result.exit_code == 2
    assert "host: 'nowhere'" in result.output
    assert "announce" in result.output


@pytest.mark.slow
def test_the_bench_measures_a_real_node() -> None:
    result = subprocess.run(
        [str(TALLY), "bench", "forward", "--viewers", "5", "--seconds", "1", "--json"],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr

    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["viewers"] == 5
    assert figures["packets_sent"] > 500
    assert figures["loss_ratio"] == 0
    assert figures["failed_to_decrypt"] == 0
    assert figures["srtp_profile"] == "SRTP_AEAD_AES_128_GCM"
    assert {"cpu_us_per_packet", "floor_us_per_packet", "ratio_to_floor"} <= figures.keys()
