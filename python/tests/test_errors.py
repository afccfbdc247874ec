"""The exceptions are the rows of the SDK's one table."""

from __future__ import annotations

import pickle
import re

import pytest
from wom_sdk import Client, Registry, Source, WomError, _native, errors


def camel(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("_"))


def test_every_row_of_the_table_has_its_class_and_nothing_else_has() -> None:
    table = _native.error_table()
    assert list(errors.BY_CODE) == [code for code, _, _ in table]
    for code, _, meaning in table:
        kind = errors.BY_CODE[code]
        assert kind.__name__ == camel(code)
        assert kind.__doc__ == meaning
        assert kind.code == code
        assert getattr(errors, kind.__name__) is kind
        assert issubclass(kind, WomError)
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    named = {kind for kind in classes if issubclass(kind, WomError) and kind is not WomError}
    assert named == set(errors.BY_CODE.values())


def test_retries_are_of_the_three_sorts() -> None:
    assert {retry for _, retry, _ in _native.error_table()} == {"never", "safe", "same_key"}


@pytest.mark.parametrize("code", list(errors.BY_CODE))
def test_an_exception_survives_pickling(code: str) -> None:
    fault = {
        "code": code,
        "message": "it failed",
        "retry": "safe",
        "hint": "try again",
        "fields": {"line": "3"},
        "retry_after": 7,
        "text": "it failed (line 3); try again",
    }
    error = pickle.loads(pickle.dumps(errors.from_fault(fault)))
    assert type(error) is errors.BY_CODE[code]
    assert str(error) == fault["text"]
    kept = (error.message, error.retry, error.hint, error.fields, error.retry_after)
    assert kept == ("it failed", "safe", "try again", {"line": "3"}, 7)


def test_built_in_exceptions_catch_what_one_expects(wom_source: Source) -> None:
    with Client(wom_source) as client, pytest.raises(ValueError, match="minutes") as caught:
        client.award("walk", aim="H", minutes=0, place=(43.7, 12.6))
    assert isinstance(caught.value, errors.InputInvalid)
    assert caught.value.fields["field"] == "minutes"
    nobody = Source(registry="http://127.0.0.1:9", id=wom_source.id, key_file=wom_source.key_file)
    with pytest.raises(ValueError, match="key") as refused:
        Client(Source(registry=nobody.registry, id=nobody.id))
    assert isinstance(refused.value, errors.ConfigurationInvalid)


def test_a_registry_that_is_away_is_a_time_out_and_the_award_is_kept() -> None:
    from datetime import timedelta

    with Registry() as registry:
        source = registry.add_instrument("Away", ["H"])
        with Client(source, patience=timedelta(seconds=1)) as client:
            registry.down()
            with pytest.raises(TimeoutError) as late:
                client.award("walk", aim="H", minutes=5, place=(43.7, 12.6))
            assert isinstance(late.value, WomError)
            assert late.value.code == "deadline_exceeded"
            assert late.value.retry == "same_key"
            assert re.search("same key", str(late.value))
            registry.up()
        assert registry.books().issued == 0
