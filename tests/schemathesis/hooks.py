"""What no schema can say, for whoever makes up requests from one."""

import schemathesis
from hypothesis import strategies

# JSON Schema knows no names of zones.
schemathesis.openapi.format("time-zone", strategies.sampled_from(["UTC", "Europe/Rome", "Asia/Kolkata"]))


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.path.startswith("/shops/{shop}/") and is_positive(case):
        # Another name leads nowhere, and there is one shop.
        case.path_parameters["shop"] = "bar"
    if case.operation.label in ("GET /checkouts/{id}", "GET /shops/{shop}/sales/{id}"):
        shorten(case.query or {})
    if case.operation.label == "POST /checkouts" and isinstance(case.body, dict):
        straighten(case.body)


def is_positive(case):
    """Whether it is to be a request as the document asks for."""
    return case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE


def shorten(query):
    """Nobody pays here: who waits for a payment waits for all of the time."""
    if query.get("wait") in range(2, 31):
        query["wait"] = 1


def straighten(body):
    """The one corner lies north of the other, and not above it."""
    try:
        corners = body["filter"]["bounds"]
        north, south = corners["north_west"], corners["south_east"]
        if -90 <= north["latitude"] <= south["latitude"] <= 90:
            north["latitude"], south["latitude"] = 45, 43
        if north["longitude"] == south["longitude"] and -180 <= north["longitude"] <= 180:
            north["longitude"], south["longitude"] = 12, 13
    except (KeyError, TypeError):
        pass
