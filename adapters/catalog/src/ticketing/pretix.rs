//! The settings of pretix.

use std::sync::Arc;

use wom_adapter_ticketing::Pretix;

use super::{POLICIES, activity};
use crate::{Entry, Form, Setting};

/// Without an address and a token it cannot be made, so it says beforehand what it is.
pub(super) fn entry() -> Entry {
    Entry::new(Pretix::INFO, Pretix::CAPABILITIES, settings(), |config| {
        Ok(Arc::new(Pretix::new(config)?))
    })
}

fn settings() -> Vec<Setting> {
    vec![
        activity("attending"),
        Setting::new(
            "address",
            Form::Text,
            "The address of the installation, such as https://tickets.example.org. It never changes: tickets are known by it.",
        ),
        Setting::new(
            "danger_accept_plain_http",
            Form::Flag,
            "Whether plain http to another machine is accepted, over which anybody on the way can read the token and tickets.",
        )
        .default_is("false"),
        Setting::new(
            "day_start",
            Form::Text,
            "When the days begin into which what is open for over 24 hours is cut, by the clock of the event: HH:MM.",
        )
        .default_is("04:00"),
        Setting::new(
            "events",
            Form::List,
            "The short forms of the events that count. Without it, every event that the token may read.",
        ),
        Setting::new(
            "exclude_items",
            Form::List,
            "The numbers of products whose tickets earn nothing: staff, press, artists.",
        ),
        Setting::new(
            "exclude_lists",
            Form::List,
            "The numbers of check-in lists whose scans do not count.",
        ),
        Setting::new(
            "item_nominal_minutes",
            Form::List,
            "How long a visit with a product's ticket takes where no end is planned: the product's number, = and minutes, such as 17=90. Goes before nominal_minutes.",
        ),
        Setting::new(
            "item_policies",
            Form::List,
            "The policy for a product's tickets: its number, = and the policy, such as 17=scheduled. Goes before list_policies.",
        ),
        Setting::new(
            "list_policies",
            Form::List,
            "The policy for tickets that were scanned on a check-in list: its number, = and the policy, such as 2=measured. Of several the one that gives least holds. Goes before policy.",
        ),
        Setting::new(
            "nominal_minutes",
            Form::Whole,
            "How long a visit takes where no end is planned. Without it nothing counts there.",
        )
        .counts("minutes"),
        Setting::new(
            "organizer",
            Form::Text,
            "The short form of the organizer, as it stands in addresses.",
        ),
        Setting::new(
            "secret_files",
            Form::Files,
            "Files with a token of the API in each. While a token changes there are two.",
        ),
        Setting::new(
            "secret_variables",
            Form::List,
            "Variables of the environment with a token of the API in each.",
        ),
        Setting::new(
            "trust_refunded",
            Form::Flag,
            "Whether tickets count whose price was paid back in full.",
        )
        .default_is("false"),
        Setting::new(
            "webhook_secret_files",
            Form::Files,
            "Files with the password, in each, that stands in the webhook's target address.",
        ),
        Setting::new(
            "webhook_secret_variables",
            Form::List,
            "Variables of the environment with the password, in each, that stands in the webhook's target address.",
        ),
        Setting::new(
            "webhook_username",
            Form::Text,
            "The user name in the webhook's target address. Without it, every call is taken for a hint to go and look.",
        ),
        Setting::new(
            "policy",
            POLICIES,
            "What counts where nobody was seen to leave: all to the planned end, nothing, or in any case all planned time.",
        )
        .default_is("overlap"),
    ]
}

#[cfg(test)]
mod tests {
    use wom_adapter_ticketing::PretixConfig;

    use super::*;
    use crate::standard::tests::assert_documented;

    #[test]
    fn settings_are_documented_as_they_are() {
        assert_documented::<PretixConfig>(&settings());
    }
}
