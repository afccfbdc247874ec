#!/usr/bin/env bash
# WOM over HTTP, with curl and jq.
#
#   wom.sh award KEY MINUTES    a back end awards minutes and hands the code over
#   wom.sh charge BILL AMOUNT   a till asks for WOM, waits, and gives the discount once
#
# WOM_URL and WOM_TOKEN say where and who.
set -euo pipefail

# ask METHOD PATH [BODY [KEY]]: until there is an answer. The same key again is the same award, the
# same payment. The token stays off the command line, which others on the machine can read.
ask() {
    local answer pause
    for pause in 1 2 4 8 ''; do
        if answer=$(curl -sS --fail-with-body --max-time 60 -X "$1" "$WOM_URL$2" \
            -H @<(printf 'Authorization: Bearer %s\n' "$WOM_TOKEN") \
            ${3:+-H 'Content-Type: application/json' --data-binary "$3"} \
            ${4:+-H "Idempotency-Key: $4"}); then
            echo "$answer"
            return
        fi
        # Without an answer it may have happened or not.
        if [ -z "$pause" ] || [ "$(jq -r .retry <<<"$answer" 2>&1)" = never ]; then
            jq -r '"\(.code): \(.detail)"' <<<"$answer" >&2 || true
            return 1
        fi
        sleep "$pause"
    done
}

award() {
    local award
    award=$(ask POST '/awards?wait=30' "$(jq -n --argjson minutes "$2" \
        '{aim: "H", $minutes, place: {latitude: 43.7263, longitude: 12.6366}}')" "$1")
    until jq -e .code <<<"$award" >/dev/null; do
        case $(jq -r .state <<<"$award") in
            acknowledged) echo 'handed over before'; return ;;
            held | parked) jq -r '"a person has to look: \(.reason)"' <<<"$award" >&2; return 1 ;;
        esac
        award=$(ask GET "/awards/$(jq -r .id <<<"$award")?wait=30")
    done
    hand_over "$award"
    ask POST "/awards/$(jq -r .id <<<"$award")/acknowledge"
}

charge() {
    local checkout
    checkout=$(ask POST /checkouts "$(jq -n --argjson amount "$2" '{$amount, filter: {aim: "H"}}')" "bill $1")
    jq -e .code <<<"$checkout" >/dev/null && hand_over "$checkout"
    while [ "$(jq -r .state <<<"$checkout")" = shown ]; do
        checkout=$(ask GET "/checkouts/$(jq -r .id <<<"$checkout")?wait=30")
    done
    if [ "$(jq -r .state <<<"$checkout")" != paid ]; then
        jq -r '"no discount: \(.state)"' <<<"$checkout" >&2
        return 1
    fi
    # Whoever makes the file is the first. A row with a unique key does this in your data base.
    if (set -o noclobber && : >"discount-$1") 2>/dev/null; then
        echo discount
    else
        echo 'discount given before'
    fi
}

# To the person's app, or onto the till's display.
hand_over() { jq -r '"\(.code.link) \(.code.pin)"' <<<"$1"; }

"$@"
