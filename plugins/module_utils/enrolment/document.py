# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small signed files that two organisations exchange: JSON with a signature over the rest of the file.

The signature covers one serialisation of the content (sorted keys, no white space, ASCII). So it stays valid when the
file is wrapped or indented again, and not when a value changes. Every content states its ``format``, so a signature
for one purpose is not valid for another; a certificate, which the same key may sign, is DER and never begins like JSON.
The kind of signature follows from the key: nothing in a file chooses it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NoReturn

from ..common.fields import Item, Report
from ..errors import ClusterlinkError, Problem
from ..pki.certificates import iso
from ..pki.issue import CLOCK_SKEW

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    from ..pki.keys import PrivateKey, PublicKey

DEFAULT_DAYS = 7
LONGEST_DAYS = 90
"""The longest validity of a file."""

_LARGEST = 256 * 1024
_ASK_AGAIN = "Ask for the original file again, for example as an attachment"
_FINGERPRINT = re.compile(r"(?:[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31})")


@dataclass(frozen=True)
class Document:
    """A file's content with its signature. The caller, who knows the signer, checks the signature."""

    content: Mapping[str, Any]
    signature: bytes

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the signed content, as lower-case pairs with colons, which two operators compare."""
        return _pairs(_signed(self.content))

    @property
    def identity(self) -> str:
        """The same, over content and signature: it identifies one file."""
        return _pairs(_signed(self.content) + b"\n" + self.signature)

    @property
    def text(self) -> bytes:
        """The file."""
        whole = {**self.content, "signature": base64.b64encode(self.signature).decode()}
        return json.dumps(whole, indent=2).encode() + b"\n"


def sign(content: Mapping[str, Any], key: PrivateKey) -> Document:
    """The content, signed by the key."""
    data = _signed(content)
    if isinstance(key, rsa.RSAPrivateKey):
        return Document(content, key.sign(data, _rsa_padding(), hashes.SHA256()))
    return Document(content, key.sign(data, ec.ECDSA(hashes.SHA256())))


def is_signed_by(document: Document, key: PublicKey) -> bool:
    """Whether the key's owner signed exactly this content."""
    data = _signed(document.content)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(document.signature, data, _rsa_padding(), hashes.SHA256())
        else:
            key.verify(document.signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def read_document(text: bytes, expected: str, where: str) -> Document:
    """Read a file without checking its signature.

    Args:
        text: The file.
        expected: The expected C(format).
        where: The file's path, for messages.

    Raises:
        ClusterlinkError: It is not JSON, truncated, ambiguous, of another format, or has no signature.
    """
    if len(text) > _LARGEST:
        raise damaged(where, f"is larger than {_LARGEST // 1024} KiB")
    whole = load_json(text, where)
    found = whole.get("format")
    if found != expected:
        fix = f"Give a file of format {expected}"
        raise ClusterlinkError(Problem(where, "is another kind of file", _shown(found), fix))
    signature = _decoded(whole.pop("signature", None))
    if signature is None:
        raise damaged(where, "has no readable signature")
    return Document(whole, signature)


def _decoded(text: object) -> bytes | None:
    """The decoded base64; None when it is not base64 in canonical form."""
    if not isinstance(text, str):
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def load_json(text: bytes, where: str) -> dict[str, Any]:
    """A JSON object without duplicate keys and without fractions.

    Raises:
        ClusterlinkError: It is anything else.
    """
    try:
        whole = json.loads(
            text.decode(), object_pairs_hook=_once, parse_float=_no_fraction, parse_constant=_no_fraction
        )
    except (ValueError, RecursionError) as error:
        what = "is empty" if not text.strip() else "is not JSON: it is truncated or damaged"
        raise damaged(where, what, _position(error)) from None
    if not isinstance(whole, dict):
        raise damaged(where, "is JSON, but not an object")
    return whole


def damaged(where: str, what: str, found: str = "") -> ClusterlinkError:
    """The error for a damaged file."""
    return ClusterlinkError(Problem(where, what, found, _ASK_AGAIN))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key is duplicate")
    return values


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not an integer")


def _position(error: Exception) -> str:
    return f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""


def _shown(value: object) -> str:
    return repr(value)[:100]


def _signed(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _pairs(data: bytes) -> str:
    return hashlib.sha256(data).digest().hex(":")


def _rsa_padding() -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size)


def require_fingerprint(given: str, where: str) -> str:
    """A SHA-256 fingerprint in canonical form: lower-case pairs with colons.

    Raises:
        ClusterlinkError: It is not a SHA-256 fingerprint.
    """
    text = given.strip().lower()
    if not _FINGERPRINT.fullmatch(text):
        fix = "Give all 64 hexadecimal digits, with or without colons"
        raise ClusterlinkError(Problem(where, "is not a SHA-256 fingerprint", _shown(given), fix))
    return bytes.fromhex(text.replace(":", "")).hex(":")


@dataclass(frozen=True)
class Span:
    """When a file is valid, to the second, in UTC."""

    created: datetime
    expires: datetime

    @classmethod
    def of(cls, now: datetime, days: int) -> Span:
        """The span of so many days from now."""
        start = now.astimezone(timezone.utc).replace(microsecond=0)
        return cls(start, start + timedelta(days=days))

    def as_dict(self) -> dict[str, str]:
        """The span as a file holds it."""
        return {"created": iso(self.created), "expires": iso(self.expires)}

    def reasons(self, now: datetime) -> list[str]:
        """Why a file is not valid now, as sentences without a full stop."""
        if self.created > now + CLOCK_SKEW:
            return [f"it was created at {iso(self.created)}, which is in the future: it is {iso(now)} here"]
        if now >= self.expires:
            return [f"it expired at {iso(self.expires)}, and it is {iso(now)} now"]
        if not timedelta(0) < self.expires - self.created <= timedelta(days=LONGEST_DAYS):
            return [f"it is valid for more than {LONGEST_DAYS} days"]
        return []


def require_days(days: int, where: str) -> int:
    """The days for which a file is valid.

    Raises:
        ClusterlinkError: They are out of range.
    """
    if 1 <= days <= LONGEST_DAYS:
        return days
    raise ClusterlinkError(Problem(where, "is too short or too long", str(days), f"Use 1 to {LONGEST_DAYS} days"))


def read_span(item: Item) -> Span:
    """The span in a content."""
    return Span(_read_moment(item, "created"), _read_moment(item, "expires"))


def _read_moment(item: Item, key: str) -> datetime:
    text = item.text(key, required=True)
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        moment = datetime.min.replace(tzinfo=timezone.utc)
    if text and iso(moment) != text:
        item.problem(key, "must be a time like 2025-01-31T12:00:00Z", text)
    return moment


def content_item(document: Document, where: str) -> tuple[Item, Report]:
    """The content, for strict reading; a problem names the file and the key."""
    report = Report()
    item = Item(document.content, where, report)
    item.get("format")
    return item, report
