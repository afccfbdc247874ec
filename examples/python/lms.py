"""A learning platform: study and passed exams become vouchers, offline. `python examples/python/lms.py`."""

from datetime import date, timedelta
from pathlib import Path

from wom_sdk import Campaign, Client, Line, Person, Pocket, Registry

EXAMS = Path(__file__).parent.parent / "exams"

# What the platform saw of the study counts from day to day; what of an exam's hours it did not see is
# awarded once the exam is passed.
CAMPAIGN = Campaign(
    name="exams",
    zone="Europe/Rome",
    start=date(2026, 1, 1),
    until=date(2027, 1, 1),
    lateness=timedelta(days=20_000),
    place=(43.7263, 12.6366),
    rules="study-minutes/1",
    rule_settings={"zone": "Europe/Rome", "passed_minutes": 18_000},
    lines=[Line(name="study", aim="E")],
)


def main() -> None:
    with Registry() as registry, Pocket(registry) as pocket:
        source = registry.add_instrument("University", ["E"])
        with Client(source, campaign=CAMPAIGN) as client:
            # Statements of xAPI, as the platform exports them. Only its registrar says who passed.
            taken = client.submit(
                "elearning.xapi",
                EXAMS / "statements.jsonl",
                authorities=["https://lms.example.edu registrar"],
                durations=[str(EXAMS / "exams.txt")],
                milestones=True,
            )
            print(f"{taken.observations} observations, {taken.refused} refused")
            for refused in taken.refusals:
                print(f"line {refused.at['line']}: {refused.message}")

            # A learner as the platform knows them; only a pseudonym is kept.
            learner = Person("https://lms.example.edu", "284711")
            waiting = client.waiting(learner)
            for claim in client.claims(learner):
                for reason in claim.reasons:
                    print(f"{reason.day}: {reason.minutes} minutes for {reason.aim}")
                pocket.redeem(claim)
                client.acknowledge(claim)
            assert client.waiting(learner) == 0
            assert sum(pocket.balance().values()) == waiting
            print(f"collected: {pocket.balance()}")


if __name__ == "__main__":
    main()
