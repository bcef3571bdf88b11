"""The commands about callbacks: where they go, which of them, and the token that signs them."""

from __future__ import annotations

import msgspec

from signaling.back_office import bodies
from signaling.back_office.call import Call, Reply
from signaling.back_office.codes import bad_body
from signaling.callbacks.config import Config, LiveCallbacks, Token, known_commands

__all__ = [
    "delete_callback", "get_callback", "get_callback_token", "set_callback", "set_callback_token", "update_callback",
]  # fmt: skip


async def set_callback(call: Call, body: bodies.SetCallback) -> Reply:
    """Say where callbacks go, and which of them."""
    names = known_commands(body.CallbackCommandList)

    def change(config: Config) -> Config:
        if config.live is None:
            live = LiveCallbacks(url=body.Url, commands=names)
        else:  # what only the operator sets stays
            live = msgspec.structs.replace(config.live, url=body.Url, commands=names)
        return msgspec.structs.replace(config, live=live)

    await call.callbacks.change(call.app, change)
    return {}


async def get_callback(call: Call, body: bodies.Nothing) -> Reply:
    """Where callbacks go, and which of them."""
    live = call.callbacks.config(call.app).live
    if live is None:
        return {"Url": "", "CallbackCommandList": []}
    return {"Url": live.url, "CallbackCommandList": sorted(live.commands)}


async def update_callback(call: Call, body: bodies.UpdateCallback) -> Reply:
    """Say where else callbacks go, or which others; what is left out stays."""
    names = None if body.CallbackCommandList is None else known_commands(body.CallbackCommandList)

    def change(config: Config) -> Config:
        if config.live is None and (body.Url is None or names is None):
            raise bad_body("the first time there are both Url and CallbackCommandList")
        live = config.live or LiveCallbacks(url="", commands=frozenset())
        url = live.url if body.Url is None else body.Url
        commands = live.commands if names is None else names
        return msgspec.structs.replace(config, live=msgspec.structs.replace(live, url=url, commands=commands))

    await call.callbacks.change(call.app, change)
    return {}


async def delete_callback(call: Call, body: bodies.Nothing) -> Reply:
    """Want no callbacks any more."""
    await call.callbacks.change(call.app, lambda config: msgspec.structs.replace(config, live=None))
    return {}


async def set_callback_token(call: Call, body: bodies.SetCallbackToken) -> Reply:
    """Set the token that signs callbacks, and whether it does."""

    def change(config: Config) -> Config:
        if config.token is None and (body.Token is None or body.IsTokenEnable is None):
            raise bad_body("the first time there are both Token and IsTokenEnable")
        token = config.token or Token(value="", enabled=False)
        value = token.value if body.Token is None else body.Token
        enabled = token.enabled if body.IsTokenEnable is None else body.IsTokenEnable
        return msgspec.structs.replace(config, token=Token(value=value, enabled=enabled))

    await call.callbacks.change(call.app, change)
    return {}


async def get_callback_token(call: Call, body: bodies.Nothing) -> Reply:
    """The token that signs callbacks, and whether it does."""
    token = call.callbacks.config(call.app).token
    return {"Token": token.value if token else "", "IsTokenEnable": token is not None and token.enabled}
