"""How ``POST /api/v1/intake`` is described in the gateway's OpenAPI document."""

from typing import Any

from channels.web.body import JSON, MULTIPART
from channels.web.config import WebSettings
from channels.web.fields import CHECKBOXES, DATUMS, NAMES, NO, REQUEST_TYPES, YES
from channels.web.problems import FILES
from gateway.domain.draft import CONTENT_LIMIT, TITLE_LIMIT

_KEY = r'^("[!-~]{8,126}"|[!#-~][!-~]{7,127})$'

_FIELDS: dict[str, dict[str, Any]] = {
    "content": {
        "description": "what is asked, in the citizen's own words 诉求内容",
        "minLength": 1,
        "maxLength": CONTENT_LIMIT,
    },
    "title": {"description": "made from the content when absent", "maxLength": TITLE_LIMIT},
    "name": {"description": "姓名", "maxLength": 50},
    "phone": {"description": "with or without country code", "maxLength": 40},
    "email": {"maxLength": 190},
    "address": {"description": "where it is 事发地点", "maxLength": 200},
    "lat": {"type": "number", "minimum": -90, "maximum": 90},
    "long": {"type": "number", "minimum": -180, "maximum": 180},
    "datum": {"description": "of lat and long; WGS84 when absent", "enum": list(DATUMS)},
    "request_type": {"enum": list(REQUEST_TYPES)},
    "occurred_at": {"description": "ISO 8601 with offset", "maxLength": 40},
    "confidential": {"description": "是否保密"},
    "public_consent": {"description": "是否同意公开"},
    "follow_up_wanted": {"description": "是否回访"},
    "language": {"description": "BCP 47 tag of the answers' language", "maxLength": 40},
}


def describe(settings: WebSettings) -> dict[str, Any]:
    """Return the OpenAPI 3.1 operation object of one account's intake."""
    files = {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "maxItems": settings.files,
    }
    as_json = _object({"type": "boolean"}, {})
    as_form = _object({"type": "string", "enum": sorted(YES | NO)}, {FILES: files})
    return {
        "operationId": "handIn",
        "tags": ["intake"],
        "summary": "Hand in a citizen's request 提交诉求",
        "description": "The same `Idempotency-Key` with the same body gets the first answer again.",
        "security": [{"token": []}] if settings.intake_keys else [],
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "pattern": _KEY},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": as_json}, MULTIPART: {"schema": as_form}},
        },
        "responses": {
            "201": {
                "description": "Taken: the citizen's receipt number and query code",
                "content": {
                    JSON: {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "draft_id": {"type": "string"},
                                "receipt_no": {"type": "string"},
                                "query_code": {"type": "string"},
                            },
                            "required": ["draft_id", "receipt_no", "query_code"],
                        }
                    }
                },
            },
            **{status: _refusal(text) for status, text in _REFUSALS.items()},
        },
    }


_REFUSALS = {
    "400": "Something in the request is wrong; `errors` names every field",
    "403": "No valid intake key",
    "408": "The body did not arrive in time",
    "413": "The body or the files are too large",
    "415": "Neither JSON nor multipart",
    "422": "The Idempotency-Key was used with another body",
    "503": "Busy; come again after Retry-After",
}


def _object(tick: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a body in which yes-or-no fields are written as ``tick`` says."""
    fields = {
        name: {**(tick if name in CHECKBOXES else {"type": "string"}), **_FIELDS[name]}
        for name in NAMES
    }
    return {
        "type": "object",
        "properties": {**fields, **more},
        "required": ["content"],
        "additionalProperties": False,
    }


def _refusal(text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {
            "application/problem+json": {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "code"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "code": {"type": "string"},
                        "errors": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["field", "message"],
                                "properties": {
                                    "field": {"type": "string"},
                                    "message": {"type": "string"},
                                },
                            },
                        },
                    },
                }
            }
        },
    }
