"""An organizer with a person, a token that may do everything, and one that may only read orders.

Prints the two tokens, a line each.
"""

import django

django.setup()

from django_scopes import scopes_disabled  # noqa: E402
from pretix.base.models import Organizer, Team, User  # noqa: E402

with scopes_disabled():
    person = User.objects.create_user("admin@example.org", "CHANGE", fullname="Admin")
    organizer = Organizer.objects.create(slug="hill", name="Hill Theatre")
    everything = Team.objects.create(
        organizer=organizer,
        name="everything",
        all_events=True,
        all_event_permissions=True,
        all_organizer_permissions=True,
    )
    everything.members.add(person)
    reading = Team.objects.create(
        organizer=organizer,
        name="reading",
        all_events=True,
        limit_event_permissions={"event.orders:read": True},
    )
    for team in (everything, reading):
        print(team.tokens.create(name="test").token)
