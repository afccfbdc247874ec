"""A fitness app: a watch's recording becomes vouchers, offline. `python examples/python/fitness.py`."""

from datetime import date, timedelta
from pathlib import Path

from wom_sdk import Campaign, Client, Line, Pocket, Registry

RECORDING = Path(__file__).parent.parent / "data" / "triathlon.fit"

# Minutes of sport are worth vouchers for health, up to an hour a day; those on a bicycle are worth
# vouchers for the environment.
CAMPAIGN = Campaign(
    name="move 2018",
    zone="Europe/Rome",
    start=date(2018, 1, 1),
    until=date(2019, 1, 1),
    lateness=timedelta(days=20_000),  # the recording is old
    place=(43.7263, 12.6366),
    lines=[
        Line(name="bike", aim="N", activities=["cycling"], mode="instead"),
        Line(name="sport", aim="H", cap_minutes=60),
    ],
)


def main() -> None:
    # A real Registry, on this machine. In production: Source(registry="https://wom.social", …), and a
    # store and keys on disk, so that a crash loses nothing and doubles nothing.
    with Registry() as registry, Pocket(registry) as pocket:
        source = registry.add_instrument("Move app", ["H", "N"])
        with Client(source, campaign=CAMPAIGN) as client:
            # The watch's file, as the user uploads it. Twice, as users do: minutes count once.
            taken = client.submit("steps.fit", RECORDING, subject="user 7")
            again = client.submit("steps.fit", RECORDING, subject="user 7")
            assert again.waiting == taken.waiting
            print(f"{taken.observations} observations, {taken.waiting} minutes wait")

            # The user taps "collect": one code for the month, with what it is for.
            [claim] = client.claims("user 7")
            for reason in claim.reasons:
                print(f"{reason.day}: {reason.minutes} minutes for {reason.aim}")
            redeemed = pocket.redeem(claim)
            client.acknowledge(claim)
            assert redeemed.vouchers == claim.minutes == taken.waiting
            print(f"collected: {pocket.balance()}")


if __name__ == "__main__":
    main()
