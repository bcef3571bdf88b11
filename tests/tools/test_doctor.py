"""What the doctor finds."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tools.doctor.facts import Facts, gather
from tools.doctor.verdicts import Grade, judge

TALLY = Path(sys.executable).with_name("tally")
HEALTHY = Facts("0.0.0.0", 8080, ("93.184.216.34",), Path(".tally"), local=("192.168.1.20",), cores=4)


def said(facts: Facts, subject: str) -> list[tuple[Grade, str, str]]:
    return [(said.grade, said.text, said.advice) for said in judge(facts) if said.subject == subject]


@pytest.mark.parametrize(
    ("change", "subject", "grade", "word"),
    [
        ({"taken": "Address already in use"}, "port", Grade.WRONG, "already in use"),
        ({"running": "compiled"}, "port", Grade.FINE, "answers"),
        ({"firewall": "ufw"}, "firewall", Grade.NOTE, "ufw"),
        ({"local": ()}, "address", Grade.WRONG, "no address"),
        ({"local": ("127.0.0.1", "::1")}, "address", Grade.NOTE, "only this machine"),
        ({"announced": ("0.0.0.0",)}, "announce", Grade.WRONG, "not the address"),
        ({"announced": ("2606:2800::1",)}, "announce", Grade.WRONG, "nothing listens"),
        ({"announced": ("10.0.0.4",)}, "announce", Grade.NOTE, "private"),
        ({"announced": ("100.64.3.2",)}, "announce", Grade.NOTE, "private"),
        ({"returned": {"93.184.216.34": True}}, "announce", Grade.FINE, "came back"),
        ({"returned": {"93.184.216.34": False}}, "announce", Grade.NOTE, "did not come back"),
        ({"announced": ()}, "announce", Grade.NOTE, "only private"),
        ({"announced": (), "local": ("172.17.0.2",), "container": True}, "announce", Grade.WRONG, "container"),
        ({}, "https", Grade.NOTE, "https"),
        ({"twin_fault": "it was not built", "compiler": False}, "fan-out", Grade.NOTE, "not built"),
        ({"buffers": {"rmem_max": 212992}}, "buffers", Grade.NOTE, "rmem_max is 212992"),
        ({"files": 1024}, "files", Grade.NOTE, "1024"),
        ({"cores": 1}, "cores", Grade.NOTE, "one core"),
        ({"data_fault": "/x is not writable"}, "data", Grade.WRONG, "not writable"),
        ({"free_bytes": 5 << 20}, "data", Grade.NOTE, "5 MiB"),
    ],
)
def test_each_fault_is_named(change: dict[str, object], subject: str, grade: Grade, word: str) -> None:
    found = said(replace(HEALTHY, **change), subject)  # type: ignore[arg-type]

    assert [said for said in found if said[0] is grade and word in said[1]], found


def test_a_healthy_machine_has_nothing_wrong() -> None:
    public = replace(HEALTHY, local=("93.184.216.34",), announced=(), buffers={"rmem_max": 8 << 20})

    assert {verdict.subject for verdict in judge(public) if verdict.grade is not Grade.FINE} == {"https"}


def test_whatever_is_wrong_comes_with_advice_or_says_all() -> None:
    broken = replace(HEALTHY, taken="in use", twin_fault="x", buffers={"wmem_max": 1}, files=1, announced=("1::",))

    assert all(verdict.advice for verdict in judge(broken) if verdict.grade is not Grade.FINE)


def test_a_packet_to_an_address_of_this_machine_comes_back_and_a_taken_port_is_seen(tmp_path: Path) -> None:
    facts = gather("127.0.0.1", 0, ["127.0.0.1"], tmp_path)
    assert facts.returned == {"127.0.0.1": True}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        facts = gather("127.0.0.1", other.getsockname()[1], [], tmp_path)
    assert facts.taken


def test_a_packet_that_goes_elsewhere_does_not_come_back(tmp_path: Path) -> None:
    assert gather("127.0.0.1", 0, ["127.0.0.2"], tmp_path).returned == {"127.0.0.2": False}


def test_the_command_ends_with_one_when_something_is_wrong(tmp_path: Path) -> None:
    command = [str(TALLY), "doctor", "--port", "0", "--data", str(tmp_path), "--json"]
    fine = subprocess.run(command, capture_output=True, text=True, timeout=30)
    wrong = subprocess.run([*command, "--announce", "::1"], capture_output=True, text=True, timeout=30)

    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert {"grade", "subject", "text", "advice"} == set(json.loads(fine.stdout)[0])
    assert wrong.returncode == 1
    assert "wrong" in {verdict["grade"] for verdict in json.loads(wrong.stdout)}
