"""One tree of exceptions under `WomError`, a class for each row of the SDK's one table of errors.

`code` is the stable name, the same in every language, and `retry` says whether trying again is wise:
`never`, `safe` (nothing happened yet) or `same_key` (it may have happened: only the same key may be
tried again). Where Python has an exception of its own for it, the class derives from that too, so
`except ValueError`, `except TimeoutError` or `except ConnectionError` catch what one expects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

from . import _native

Retry = Literal["never", "safe", "same_key"]


_ADVICE: dict[str, Retry] = {
    code: cast("Retry", retry) for code, retry, _ in _native.error_table()
}


class WomError(Exception):
    """Whatever goes wrong in the SDK. Its text holds no secret and no person's id."""

    code: ClassVar[str] = ""
    """The stable name of the kind."""

    retry: Retry
    """Whether trying again is wise."""

    message: str
    """What happened, in one sentence."""

    hint: str | None
    """What to do about it."""

    fields: Mapping[str, str]
    """Where it happened: names with their values."""

    retry_after: int | None
    """How many seconds the other side asks to wait."""

    def __init__(
        self,
        message: str,
        *,
        retry: Retry | None = None,
        hint: str | None = None,
        fields: Mapping[str, str] | None = None,
        retry_after: int | None = None,
        text: str | None = None,
    ) -> None:
        if text is None:
            text = message if hint is None else f"{message}; {hint}"
        super().__init__(text)
        self.message = message
        self.retry = retry or _ADVICE.get(self.code, "never")
        self.hint = hint
        self.fields = dict(fields or {})
        self.retry_after = retry_after

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {
            "message": self.message,
            "retry": self.retry,
            "hint": self.hint,
            "fields": dict(self.fields),
            "retry_after": self.retry_after,
            "text": self.args[0],
            "code": self.code,
        }
        return (from_fault, (kept,))


class AccessDenied(WomError, PermissionError):
    """The caller may not do this: a missing or wrong API key, or no right to it."""

    code = "access_denied"


class AlreadyDelivered(WomError):
    """The award was collected and acknowledged; its code is not given out again."""

    code = "already_delivered"


class AlreadyPerformed(WomError):
    """The vouchers were redeemed, or the payment was made, before."""

    code = "already_performed"


class AwardHeld(WomError):
    """A person has to judge the award first, or has refused it."""

    code = "award_held"


class AwardKeyReused(WomError, ValueError):
    """The award key was used before with other content."""

    code = "award_key_reused"


class Cancelled(WomError):
    """The caller gave up before the answer came."""

    code = "cancelled"


class ConfigurationInvalid(WomError, ValueError):
    """A setting is missing, unknown or contradicts another."""

    code = "configuration_invalid"


class DeadlineExceeded(WomError, TimeoutError):
    """The total time allowed for the operation ran out."""

    code = "deadline_exceeded"


class DeliveryFailed(WomError):
    """A receiver did not take claims, or did not say that it has them."""

    code = "delivery_failed"


class InputInvalid(WomError, ValueError):
    """An argument is outside its range or not of the required form."""

    code = "input_invalid"


class InputTruncated(WomError, ValueError):
    """A file or message ends before it should."""

    code = "input_truncated"


class InsecureTransport(WomError, ValueError):
    """Plain http to another host was asked for without saying so by name."""

    code = "insecure_transport"


class Internal(WomError, RuntimeError):
    """A defect of the SDK itself."""

    code = "internal"


class KeyInvalid(WomError, ValueError):
    """A key cannot be read, or is of the wrong kind."""

    code = "key_invalid"


class LimitExceeded(WomError, ValueError):
    """Something is larger, deeper or longer than the limit set for it."""

    code = "limit_exceeded"


class LocationRequired(WomError, ValueError):
    """The vouchers need the place where they are redeemed."""

    code = "location_required"


class NetworkUnreachable(WomError, ConnectionError):
    """The Registry was not reached; nothing was sent."""

    code = "network_unreachable"


class OtcUnknown(WomError, LookupError):
    """The Registry knows no such code, or it was never confirmed."""

    code = "otc_unknown"


class OutcomeUnknown(WomError, ConnectionError):
    """The request was sent, and no clear answer came."""

    code = "outcome_unknown"


class ParameterRefused(WomError, ValueError):
    """The Registry refused a parameter."""

    code = "parameter_refused"


class PayloadInvalid(WomError, ValueError):
    """A payload is not what it should be: not for this key, altered, or not understood."""

    code = "payload_invalid"


class PayloadRefused(WomError):
    """The Registry could not read the payload: another key, or other contents than announced."""

    code = "payload_refused"


class PinUnacceptable(WomError, ValueError):
    """The PIN is not of a form that the Registry accepts."""

    code = "pin_unacceptable"


class PinWrong(WomError, PermissionError):
    """The PIN is not the one of this code."""

    code = "pin_wrong"


class PosUnknown(WomError, LookupError):
    """The Registry knows no such POS."""

    code = "pos_unknown"


class RateLimited(WomError):
    """Too many requests; wait as long as the answer says."""

    code = "rate_limited"


class RegistryFailed(WomError):
    """The Registry failed inside; whether it acted is not known."""

    code = "registry_failed"


class RegistryKeyChanged(WomError):
    """The Registry shows another key than the pinned one."""

    code = "registry_key_changed"


class RegistryMisbehaved(WomError):
    """The Registry's answer breaks the protocol."""

    code = "registry_misbehaved"


class RequestVoid(WomError):
    """The code was voided: too many wrong PINs, or withdrawn."""

    code = "request_void"


class SourceUnknown(WomError, LookupError):
    """The Registry knows no such source (instrument)."""

    code = "source_unknown"


class StorageFailed(WomError, OSError):
    """The store could not write or read."""

    code = "storage_failed"


class StoreLocked(WomError, BlockingIOError):
    """Another process has the store open."""

    code = "store_locked"


class StoreMismatch(WomError):
    """The store belongs to another Registry, source or key store, or to a newer version."""

    code = "store_mismatch"


class Unsupported(WomError, NotImplementedError):
    """This adapter, store or Registry does not offer the operation."""

    code = "unsupported"


class VouchersInsufficient(WomError):
    """Fewer or other vouchers than the payment asks for."""

    code = "vouchers_insufficient"


class VouchersRefused(WomError):
    """A voucher is unknown, spent, or does not pass the payment's filter."""

    code = "vouchers_refused"


class WebhookRefused(WomError, PermissionError):
    """A webhook's signature or time does not hold."""

    code = "webhook_refused"


BY_CODE: Mapping[str, type[WomError]] = {
    kind.code: kind
    for kind in (
        AccessDenied,
        AlreadyDelivered,
        AlreadyPerformed,
        AwardHeld,
        AwardKeyReused,
        Cancelled,
        ConfigurationInvalid,
        DeadlineExceeded,
        DeliveryFailed,
        InputInvalid,
        InputTruncated,
        InsecureTransport,
        Internal,
        KeyInvalid,
        LimitExceeded,
        LocationRequired,
        NetworkUnreachable,
        OtcUnknown,
        OutcomeUnknown,
        ParameterRefused,
        PayloadInvalid,
        PayloadRefused,
        PinUnacceptable,
        PinWrong,
        PosUnknown,
        RateLimited,
        RegistryFailed,
        RegistryKeyChanged,
        RegistryMisbehaved,
        RequestVoid,
        SourceUnknown,
        StorageFailed,
        StoreLocked,
        StoreMismatch,
        Unsupported,
        VouchersInsufficient,
        VouchersRefused,
        WebhookRefused,
    )
}
"""The class of each code."""


def from_fault(fault: Mapping[str, Any]) -> WomError:
    """The exception for an error as the native half tells it."""
    kind = BY_CODE.get(fault["code"], Internal)
    return kind(
        fault["message"],
        retry=fault["retry"],
        hint=fault["hint"],
        fields=fault["fields"],
        retry_after=fault["retry_after"],
        text=fault["text"],
    )
