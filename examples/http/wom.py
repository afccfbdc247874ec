#!/usr/bin/env python3
"""WOM over HTTP, with Python's standard library alone.

    wom.py award KEY MINUTES    a back end awards minutes and hands the code over
    wom.py charge BILL AMOUNT   a till asks for WOM, waits, and gives the discount once
    wom.py webhook              a CGI script takes a signed webhook of the service

WOM_URL and WOM_TOKEN say where and who, WOM_WEBHOOK_SECRET is the webhook's secret.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request


def ask(method, path, body=None, key=None):
    """Asks until there is an answer: the same key again is the same award, the same payment."""
    headers = {"Authorization": "Bearer " + os.environ["WOM_TOKEN"]}
    if key is not None:
        headers["Idempotency-Key"] = key
    if body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    request = urllib.request.Request(os.environ["WOM_URL"] + path, body, headers, method=method)
    for pause in (1, 2, 4, 8, None):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            problem = read_problem(error)
            if pause is None or problem["retry"] == "never":
                sys.exit(f"{problem['code']}: {problem['detail']}")
            pause = max(pause, int(error.headers.get("Retry-After", 0)))
        except (OSError, http.client.HTTPException) as error:
            # The answer was lost; it may have happened or not.
            if pause is None:
                sys.exit(f"no answer: {error}")
        time.sleep(pause)


def read_problem(answer):
    """What the service says is wrong, or a proxy before it, which says it in its own way."""
    try:
        return json.loads(answer.read())
    except ValueError:
        return {"code": f"http_{answer.code}", "detail": answer.reason, "retry": "same_key"}


def award(key, minutes):
    place = {"latitude": 43.7263, "longitude": 12.6366}
    award = ask("POST", "/awards?wait=30", {"aim": "H", "minutes": int(minutes), "place": place}, key)
    while "code" not in award:
        if award["state"] == "acknowledged":
            return print("handed over before")
        if award["state"] in ("held", "parked"):
            sys.exit(f"a person has to look: {award['reason']}")
        award = ask("GET", f"/awards/{award['id']}?wait=30")
    hand_over(award["code"])
    ask("POST", f"/awards/{award['id']}/acknowledge")


def charge(bill, amount):
    checkout = ask("POST", "/checkouts", {"amount": int(amount), "filter": {"aim": "H"}}, f"bill {bill}")
    if "code" in checkout:
        hand_over(checkout["code"])
    while checkout["state"] == "shown":
        checkout = ask("GET", f"/checkouts/{checkout['id']}?wait=30")
    if checkout["state"] != "paid":
        sys.exit(f"no discount: {checkout['state']}")
    print("discount" if once(f"discount-{bill}", b"") else "discount given before")


def webhook():
    body = sys.stdin.buffer.read()
    message = os.environ["HTTP_WEBHOOK_ID"]
    if not genuine(body, message, os.environ["HTTP_WEBHOOK_TIMESTAMP"], os.environ["HTTP_WEBHOOK_SIGNATURE"]):
        return print("Status: 401\n")
    # It may come twice: what it brings is done once.
    once(f"webhook-{message}", body)
    print("Status: 204\n")


def genuine(body, message, timestamp, signatures):
    """Standard Webhooks: signed over the raw bytes, and not older than five minutes."""
    secret = base64.b64decode(os.environ["WOM_WEBHOOK_SECRET"].removeprefix("whsec_"))
    signed = f"{message}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    known = [hmac.compare_digest(expected.encode(), other.encode()) for other in signatures.split()]
    return any(known) and abs(time.time() - int(timestamp)) <= 300


def hand_over(code):
    """To the person's app, or onto the till's display."""
    print(code["link"], code["pin"], flush=True)


def once(name, content):
    """Whether it is the first time. A row with a unique key does this in your data base."""
    try:
        with open(name, "xb") as file:
            file.write(content)
        return True
    except FileExistsError:
        return False


if __name__ == "__main__":
    {"award": award, "charge": charge, "webhook": webhook}[sys.argv[1]](*sys.argv[2:])
