"""The OpenAPI 3.1 document about the back office, made of the table that dispatches.

Pure: the table in, a document out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from signaling.back_office.codes import FRAME_CODES

__all__ = ["Row", "document"]

_QUERY: Mapping[str, tuple[bool, dict[str, Any], str]] = {
    "sdkappid": (True, {"type": "integer"}, "The number of the app."),
    "identifier": (True, {"type": "string"}, "The user id of an administrator of the app."),
    "usersig": (True, {"type": "string"}, "The administrator's UserSig."),
    "random": (False, {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}, "Any number."),
    "contenttype": (False, {"type": "string", "const": "json"}, "The only form there is."),
}


class Row(Protocol):
    """What of a command is documented."""

    @property
    def body(self) -> type[msgspec.Struct]: ...
    @property
    def run(self) -> object | None: ...
    @property
    def rate(self) -> int: ...
    @property
    def beside(self) -> bool: ...
    @property
    def summary(self) -> str: ...


def document(table: Mapping[str, Row]) -> dict[str, Any]:
    """Every command is a path; every body a schema."""
    kinds = list(dict.fromkeys(row.body for row in table.values()))
    references, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    reference = dict(zip(kinds, references, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tally, the back office", "version": "4"},
        "paths": {f"/v4/{name}": {"post": _operation(name, row, reference[row.body])} for name, row in table.items()},
        "components": {
            "parameters": {name: _parameter(name) for name in _QUERY},
            "schemas": schemas | {"Reply": _reply()},
        },
        "x-error-codes": {str(code): sentence for code, sentence in FRAME_CODES.items()},
    }


def _operation(name: str, row: Row, body: Mapping[str, Any]) -> dict[str, Any]:
    service, _, command = name.partition("/")
    place = "beside the words of the frame" if row.beside else "in Response"
    return {
        "operationId": f"{service}.{command}",
        "tags": [service],
        "summary": row.summary,
        "description": f"At most {row.rate} calls a second of one app. What it answers stands {place}.",
        "parameters": [{"$ref": f"#/components/parameters/{parameter}"} for parameter in _QUERY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "Always; ErrorCode says whether it was done.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Reply"}}},
            }
        },
    }


def _parameter(name: str) -> dict[str, Any]:
    required, schema, description = _QUERY[name]
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": description}


def _reply() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["ActionStatus", "ErrorCode", "ErrorInfo", "RequestId"],
        "properties": {
            "ActionStatus": {"type": "string", "enum": ["OK", "FAIL"]},
            "ErrorCode": {
                "type": "integer",
                "description": "0, one of x-error-codes, or a code of rooms and billing (see signaling/README.md).",
            },
            "ErrorInfo": {"type": "string", "description": "A sentence; empty when all is well."},
            "RequestId": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "Response": {"type": "object", "description": "Absent after FAIL, and when there is nothing to tell."},
        },
    }
