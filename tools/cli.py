"""The `tally` command. Each subcommand is a thin door: options in words, then one call."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from signaling.settings import Settings, SettingsError

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tally")
def main() -> None:
    """Tally: a self-hosted live-streaming backend that keeps count."""


_WHERE = (
    click.option(
        "--data",
        "data_dir",
        default=".tally",
        show_default=True,
        envvar="TALLY_DATA",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder for the journal, the ledger and keys.",
    ),
    click.option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        envvar="TALLY_HOST",
        help="Address to listen on; 0.0.0.0 is every IPv4 address of this machine, :: those of IPv6 too.",
    ),
    click.option(
        "--port",
        default=8080,
        show_default=True,
        envvar="TALLY_PORT",
        type=click.IntRange(0, 65535),
        help="One number for HTTP (TCP) and all media (UDP); 0 lets the system choose.",
    ),
    click.option(
        "--announce",
        multiple=True,
        envvar="TALLY_ANNOUNCE",
        metavar="IP",
        help="Public address to tell browsers, behind address translation; may be repeated.",
    ),
)


def _where(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where a node keeps its data and where it listens."""
    for option in reversed(_WHERE):
        command = option(command)
    return command


def _sending(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how packets leave."""
    twin = click.option(
        "--fan-out",
        default="auto",
        show_default=True,
        envvar="TALLY_FAN_OUT",
        type=click.Choice(["auto", "pure", "compiled"]),
        help="Which twin sends packets: auto takes the compiled one where it was built.",
    )
    offload = click.option(
        "--segment-offload/--no-segment-offload",
        default=True,
        show_default=True,
        envvar="TALLY_SEGMENT_OFFLOAD",
        help="Give the kernel a frame's packets to one viewer as one message (UDP GSO), where it can.",
    )
    return twin(offload(command))


@main.command()
@_where
@click.option(
    "--production", is_flag=True, envvar="TALLY_PRODUCTION", help="Make no demo app and give no credentials away."
)
@_sending
@click.option(
    "--media-over",
    default="both",
    show_default=True,
    envvar="TALLY_MEDIA_OVER",
    type=click.Choice(["udp", "tcp", "both"]),
    help="What browsers are told to send media over; with both they take UDP where it passes.",
)
@click.option(
    "--admins",
    default="administrator",
    show_default=True,
    envvar="TALLY_ADMINS",
    metavar="USERIDS",
    help="Who may use the back office (/v4) of any app, by its own UserSig; separated by commas.",
)
@click.option(
    "--private-callbacks",
    is_flag=True,
    envvar="TALLY_PRIVATE_CALLBACKS",
    help="Let callbacks go to loopback and private addresses too; any app's administrator can then reach them.",
)
@click.option(
    "--rtmp-port",
    default=None,
    envvar="TALLY_RTMP_PORT",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Let encoders push to rtmp://HOST:N/push; 1935 is usual. Without it they cannot.",
)
@click.option(
    "--rtmps-port",
    default=None,
    envvar="TALLY_RTMPS_PORT",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="The same over TLS: rtmps://HOST:N/push.",
)
@click.option(
    "--tls-certificate",
    default=None,
    envvar="TALLY_TLS_CERTIFICATE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file for --rtmps-port, with the whole chain.",
)
@click.option(
    "--tls-key",
    default=None,
    envvar="TALLY_TLS_KEY",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its private key.",
)
@click.option(
    "--sound-kbps",
    default=128,
    show_default=True,
    envvar="TALLY_SOUND_KBPS",
    type=click.IntRange(16, 510),
    metavar="N",
    help="Kilobits per second of the sound that is converted for browsers.",
)
@click.option(
    "--loudest",
    default=0,
    show_default=True,
    envvar="TALLY_LOUDEST",
    type=click.IntRange(0, 1000),
    metavar="N",
    help="Forward only the N loudest microphones of a room at once; 0 forwards all.",
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    envvar="TALLY_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What is logged to standard error.",
)
def serve(
    data_dir: Path,
    host: str,
    port: int,
    announce: tuple[str, ...],
    production: bool,
    fan_out: str,
    segment_offload: bool,
    media_over: str,
    admins: str,
    private_callbacks: bool,
    rtmp_port: int | None,
    rtmps_port: int | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    sound_kbps: int,
    loudest: int,
    log_level: str,
) -> None:
    """Run a node until Ctrl-C."""
    from signaling.app import run

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        run(
            Settings(
                data_dir=data_dir,
                host=host,
                port=port,
                announced=announce,
                production=production,
                fan_out=fan_out,
                segment_offload=segment_offload,
                media_over=media_over,
                admins=tuple(filter(None, map(str.strip, admins.split(",")))),
                private_callbacks=private_callbacks,
                rtmp_port=rtmp_port,
                rtmps_port=rtmps_port,
                tls_certificate=tls_certificate,
                tls_key=tls_key,
                sound_kbps=sound_kbps,
                loudest=loudest,
            )
        )
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@_where
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON list.")
def doctor(data_dir: Path, host: str, port: int, announce: tuple[str, ...], as_json: bool) -> None:
    """Find what would keep browsers from connecting, and say what to do. Ends with 1 when something is wrong.

    Give it the options that the node is started with."""
    from tools.doctor.facts import gather
    from tools.doctor.verdicts import Grade, judge

    try:
        Settings(data_dir=data_dir, host=host, port=port)
        verdicts = judge(gather(host, port, announce, data_dir))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps([asdict(verdict) | {"grade": verdict.grade.value} for verdict in verdicts]))
    else:
        colours = {Grade.FINE: "green", Grade.NOTE: "yellow", Grade.WRONG: "red"}
        for verdict in verdicts:
            click.secho(f"{verdict.grade.value:6}", fg=colours[verdict.grade], nl=False)
            click.echo(f"{verdict.subject}: {verdict.text}")
            if verdict.advice:
                click.echo(textwrap.fill(verdict.advice, 100, initial_indent=" " * 8, subsequent_indent=" " * 8))
    sys.exit(1 if any(verdict.grade is Grade.WRONG for verdict in verdicts) else 0)


@main.command()
@click.option("--app", required=True, type=int, metavar="SDKAPPID", help="Number of the app.")
@click.option(
    "--secret",
    required=True,
    envvar="TALLY_SECRET",
    metavar="KEY",
    help="The app's secret; better given as TALLY_SECRET, which no process list shows.",
)
@click.option("--user", required=True, metavar="NAME", help="Who it is for.")
@click.option(
    "--expire", default=86400, show_default=True, type=click.IntRange(1), metavar="SECONDS", help="How long it holds."
)
def usersig(app: int, secret: str, user: str, expire: int) -> None:
    """Make a UserSig: what a client logs in with."""
    from signaling import usersig as signatures

    click.echo(signatures.make(app, secret, user, expire, time.time()))


@main.command()
@click.argument("url", required=False)
@click.option("--rooms", default=1, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--publishers", default=1, show_default=True, type=click.IntRange(1, 16), help="In each room.")
@click.option("--viewers", default=20, show_default=True, type=click.IntRange(0, 10_000), help="In each room.")
@click.option("--codec", default="VP8", show_default=True, type=click.Choice(["VP8", "H264", "mixed"]))
@click.option("--layers", default=3, show_default=True, type=click.IntRange(1, 3), help="Of the simulcast; 1 for none.")
@click.option("--ramp", default=20.0, show_default=True, type=click.FloatRange(0.1), help="Viewers that come a second.")
@click.option(
    "--duration", default=30.0, show_default=True, type=click.FloatRange(1), help="Seconds for which all stay."
)
@click.option("--loss", default=0.0, type=click.FloatRange(0, 0.9), help="Probability, in each direction.")
@click.option("--delay", default=0.0, type=click.FloatRange(0, 5000), metavar="MS", help="In each direction.")
@click.option("--jitter", default=0.0, type=click.FloatRange(0, 5000), metavar="MS", help="On top of the delay.")
@click.option("--reorder", is_flag=True, help="Let jitter change the order.")
@click.option("--rate", type=click.FloatRange(10), metavar="KBPS", help="What a viewer's or publisher's line takes.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the network bad in the same way.")
@click.option("--sampled", default=8, show_default=True, type=click.IntRange(0, 1000), help="Viewers to time.")
@click.option("--whip", help="Of another server: its WHIP address, with {room} where the room's name goes.")
@click.option("--whep", help="The same for WHEP.")
@click.option("--bearer", envvar="TALLY_BEARER", help="A token that goes with every request to another server.")
@click.option("--app", type=int, metavar="SDKAPPID", help="Of a Tally in production; with TALLY_SECRET.")
@click.option("--secret", envvar="TALLY_SECRET", metavar="KEY", help="The app's secret; better given as TALLY_SECRET.")
@click.option("--server-pid", type=int, metavar="PID", help="Measure this process's CPU and memory.")
@click.option("--plot", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Draw a PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object in the last line.")
def load(url: str | None, whip: str | None, whep: str | None, plot: Path | None, as_json: bool, **options: Any) -> None:
    """Fill a server with synthetic publishers and viewers, and report what they saw.

    URL is a Tally node; without it, one is started for the purpose. Any other server is named by --whip and --whep.
    Nothing is decoded, so one core makes hundreds of viewers. Ctrl-C ends it early, with the report."""
    from tools.load.command import CannotLoad, run

    if bool(whip) != bool(whep) or (url and whip):
        raise click.UsageError("give a URL, or both --whip and --whep, or neither")
    try:
        report = run(url, whip, whep, plot, options)
    except CannotLoad as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(report.as_dict()))
    sys.exit(1 if report.packets_bad or not report.joined else 0)


@main.command()
@click.argument("target", type=click.Choice(["all", "stun", "rtp", "rtcp", "sdp", "trickle", "rtmp"]))
@click.option("--inputs", default=100_000, show_default=True, type=click.IntRange(1), help="How many for each target.")
@click.option("--seed", default=1, show_default=True, type=int, help="The same seed gives the same inputs.")
@click.option(
    "--corpus",
    default="tests/fuzz/corpus",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with a folder of inputs for each target; what is found is put there.",
)
def fuzz(target: str, inputs: int, seed: int, corpus: Path) -> None:
    """Feed broken and hostile inputs to what strangers and clients reach. Ends with 1 when something was found."""
    from tools.fuzz.campaign import run, table
    from tools.fuzz.targets import TARGETS

    logging.disable(logging.CRITICAL)
    results = {}
    try:
        for name in TARGETS if target == "all" else [target]:
            with click.progressbar(length=inputs, label=f"{name:8}", file=sys.stderr, show_pos=True) as bar:
                results[name] = run(TARGETS[name], inputs, seed, corpus / name, bar.update)
            if results[name].inputs < inputs and not results[name].findings:
                break  # Ctrl-C
    except FileNotFoundError as error:
        raise click.ClickException(f"there is no corpus: {error}") from error
    for line in table(results):
        click.echo(line)
    for result in results.values():
        for finding in result.findings:
            click.echo(f"\n{result.target}: {finding.kind} at input {finding.number} of seed {seed}\n{finding.text}")
    sys.exit(1 if any(result.findings for result in results.values()) else 0)


@main.group()
def bench() -> None:
    """Measure a real node on this machine. Figures are ratios against a yardstick of the same run."""


@bench.command()
@click.option("--viewers", default=200, show_default=True, type=click.IntRange(1, 5000), help="Viewers of one room.")
@click.option("--seconds", default=8.0, show_default=True, type=click.FloatRange(1, 600), help="Length of the window.")
@click.option(
    "--bitrate",
    default=1200,
    show_default=True,
    type=click.IntRange(50, 10000),
    metavar="KBPS",
    help="Of the publisher's video.",
)
@_sending
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object in the last line.")
def forward(viewers: int, seconds: float, bitrate: int, fan_out: str, segment_offload: bool, as_json: bool) -> None:
    """CPU of the server per forwarded packet, beside a bare loop of rewrite, protect and sendmmsg."""
    from tools.bench import forward as subject

    _bench(lambda: subject.run(viewers, seconds, bitrate, fan_out, segment_offload, _progress), as_json)


@bench.command()
@click.option("--viewers", default=200, show_default=True, type=click.IntRange(1, 5000), help="Who join at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object in the last line.")
def join(viewers: int, as_json: bool) -> None:
    """Time until everybody who joins a running room at once has a key frame."""
    from tools.bench import join as subject

    _bench(lambda: subject.run(viewers, _progress), as_json)


@bench.command()
@click.option("--viewers", default=100, show_default=True, type=click.IntRange(1, 5000), help="Viewers of one room.")
@click.option("--cycles", default=5, show_default=True, type=click.IntRange(0, 1000), help="How often all come and go.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object in the last line.")
def memory(viewers: int, cycles: int, as_json: bool) -> None:
    """Resident memory of the server per viewer, and its growth over joins and leaves."""
    from tools.bench import memory as subject

    _bench(lambda: subject.run(viewers, cycles, _progress), as_json)


@bench.command()
@click.option("--viewers", default=200, show_default=True, type=click.IntRange(1, 5000), help="Viewers of one room.")
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(1, 600), help="Length of the window.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object in the last line.")
def latency(viewers: int, seconds: float, as_json: bool) -> None:
    """What the server adds to a packet's way, and how soon it answers requests meanwhile."""
    from tools.bench import latency as subject

    _bench(lambda: subject.run(viewers, seconds, _progress), as_json)


@bench.command()
@click.option("--viewers", default=500, show_default=True, type=click.IntRange(1, 5000), help="Viewers of one room.")
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(1, 600), help="Length of each window.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object in the last line.")
def feedback(viewers: int, seconds: float, as_json: bool) -> None:
    """The share of the server's work that feedback is: viewers who report, beside viewers in silence."""
    from tools.bench import feedback as subject

    _bench(lambda: subject.run(viewers, seconds, _progress), as_json)


@bench.command()
@click.option("--members", default=2000, show_default=True, type=click.IntRange(1, 10000), help="Members of one room.")
@click.option("--seconds", default=15.0, show_default=True, type=click.FloatRange(1, 600), help="Length of the window.")
@click.option("--rate", default=40.0, show_default=True, type=click.FloatRange(0.1, 200), help="Messages a second.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object in the last line.")
def barrage(members: int, seconds: float, rate: float, as_json: bool) -> None:
    """How soon everybody hears a chat at the room's limit, and whether media suffers from it."""
    from tools.bench import barrage as subject

    _bench(lambda: subject.run(members, seconds, rate, _progress), as_json)


def _bench(work: Callable[[], dict[str, Any]], as_json: bool) -> None:
    from tools.bench.processes import BenchFailed

    try:
        figures = work()
    except BenchFailed as error:
        raise click.ClickException(str(error)) from error
    for name, value in figures.items():
        click.echo(f"{name:24} {value}", err=as_json)
    if as_json:
        click.echo(json.dumps(figures))


def _progress(text: str) -> None:
    click.echo(f"... {text}", err=True)


@main.group()
def ledger() -> None:
    """Look into the books."""


@ledger.command()
@click.option(
    "--data",
    "data_dir",
    default=".tally",
    show_default=True,
    envvar="TALLY_DATA",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The node's data folder.",
)
def audit(data_dir: Path) -> None:
    """Recompute the roll-up from the events and compare. Ends with 1 when they differ."""
    from billing.service import Billing

    async def run() -> int:
        billing = Billing(data_dir, clock=time.time)
        await billing.start()
        try:
            differences = await billing.audit()
        finally:
            await billing.close()
        for difference in differences:
            click.echo(str(difference))
        click.echo(f"{len(differences)} differences")
        return 1 if differences else 0

    sys.exit(asyncio.run(run()))


if __name__ == "__main__":
    main()
