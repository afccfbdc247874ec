//! Ticketing systems, gate lists and timesheets, and the rules of attendance.

mod pretix;

use std::sync::Arc;

use wom_adapter_ticketing::{AttendanceMinutes, CheckinCsv, Eventbrite, HiEvents, Ical};

use crate::{Entry, Form, RulesEntry, Setting, standard::adapter};

pub(crate) fn adapters() -> Vec<Entry> {
    vec![
        adapter(checkin_csv_settings(), |config| {
            Ok(Arc::new(CheckinCsv::new(config)?))
        }),
        // These do not start without a secret, so there is no sample to ask.
        Entry::new(
            Eventbrite::INFO,
            Eventbrite::CAPABILITIES,
            eventbrite_settings(),
            |config| Ok(Arc::new(Eventbrite::new(config)?)),
        ),
        Entry::new(
            HiEvents::INFO,
            HiEvents::CAPABILITIES,
            hi_events_settings(),
            |config| Ok(Arc::new(HiEvents::new(config)?)),
        ),
        adapter(ical_settings(), |config| Ok(Arc::new(Ical::new(config)?))),
        pretix::entry(),
    ]
}

pub(crate) fn rules() -> RulesEntry {
    RulesEntry::new(
        AttendanceMinutes::NAME,
        "Minutes of attending what is held: what gates saw of a good ticket, cut to the planned time, once for each ticket and session",
        attendance_settings(),
        |rules: AttendanceMinutes| Ok(Arc::new(rules)),
    )
}

fn attendance_settings() -> Vec<Setting> {
    vec![
        Setting::new(
            "cap_minutes",
            Form::Whole,
            "The most minutes of a session. Without it all of them count.",
        )
        .counts("minutes"),
        Setting::new(
            "early_limit_minutes",
            Form::Whole,
            "How long before the planned beginning a scan counts as coming in. It is worth nothing before the beginning.",
        )
        .default_is("240")
        .counts("minutes"),
        Setting::new(
            "late_grace_minutes",
            Form::Whole,
            "How late somebody may be and count as on time.",
        )
        .default_is("0")
        .counts("minutes"),
        Setting::new(
            "min_minutes",
            Form::Whole,
            "The fewest minutes of a session that count at all.",
        )
        .default_is("1")
        .counts("minutes"),
        Setting::new(
            "min_share_percent",
            Form::Whole,
            "The least part of the planned time that counts at all.",
        )
        .default_is("0")
        .counts("percent"),
    ]
}

/// What attending is called.
fn activity(default: &'static str) -> Setting {
    Setting::new(
        "activity",
        Form::Text,
        "What attending is: the name of an activity, such as attending or volunteering.",
    )
    .default_is(default)
}

const POLICIES: Form = Form::OneOf(&["overlap", "measured", "scheduled"]);

fn checkin_csv_settings() -> Vec<Setting> {
    vec![
        activity("attending"),
        Setting::new(
            "day_start",
            Form::Text,
            "When the days begin that are sessions where there is no programme, as HH:MM: a late night belongs to the day before.",
        )
        .default_is("04:00"),
        Setting::new(
            "early_limit_minutes",
            Form::Whole,
            "How far a scan may be from the session of the programme that it belongs to.",
        )
        .default_is("240")
        .counts("minutes"),
        Setting::new(
            "longest_visit_minutes",
            Form::Whole,
            "The longest visit that a row may tell; a longer one is refused as a slip of the pen.",
        )
        .default_is("720")
        .counts("minutes"),
        Setting::new(
            "nominal_minutes",
            Form::Whole,
            "How long a visit takes where nobody was seen to leave, and the most that one counts where the list has single scans.",
        )
        .counts("minutes"),
        Setting::new(
            "policy",
            POLICIES,
            "What counts where nobody was seen to leave. Without it: overlap with a programme or nominal_minutes, else measured.",
        ),
        Setting::new(
            "programme",
            Form::Files,
            "The programme, to whose sessions scans belong: calendars (.ics) and tables of sessions. Without it each day is a session.",
        ),
        Setting::new(
            "source",
            Form::Text,
            "The name of the gate or office. It never changes, as all that was read hangs on it.",
        )
        .default_is("gate"),
        Setting::new(
            "zone",
            Form::Text,
            "Whose clock times without an offset are read by, such as Europe/Rome. Without it they are refused.",
        ),
    ]
}

fn plain_http() -> Setting {
    Setting::new(
        "danger_accept_plain_http",
        Form::Flag,
        "Whether plain http to another machine is accepted, over which anybody on the way can read the token and tickets.",
    )
    .default_is("false")
}

/// Where the tokens of an API are.
fn tokens() -> [Setting; 2] {
    [
        Setting::new(
            "secret_files",
            Form::Files,
            "Files with a token of the API in each. While a token changes there are two.",
        ),
        Setting::new(
            "secret_variables",
            Form::List,
            "Variables of the environment with a token of the API in each. One file or variable is needed at least.",
        ),
    ]
}

fn eventbrite_settings() -> Vec<Setting> {
    let mut settings = vec![
        activity("attending"),
        Setting::new("address", Form::Text, "The address of the API.")
            .default_is("https://www.eventbriteapi.com/v3"),
        plain_http(),
        Setting::new(
            "events",
            Form::List,
            "The numbers of the events that count. Without it every event that the token may read does.",
        ),
        Setting::new(
            "policy",
            POLICIES,
            "What counts. Eventbrite tells no exits, so measured would count nothing.",
        )
        .default_is("overlap"),
    ];
    settings.extend(tokens());
    settings
}

fn hi_events_settings() -> Vec<Setting> {
    vec![
        activity("attending"),
        Setting::new(
            "early_limit_minutes",
            Form::Whole,
            "How far a check-in may be from the session of the programme that it belongs to.",
        )
        .default_is("240")
        .counts("minutes"),
        Setting::new(
            "events",
            Form::List,
            "The numbers of the events that count. Without it check-ins of every event do, by the programme.",
        ),
        Setting::new(
            "policy",
            POLICIES,
            "What counts. Hi.Events knows no exits, so measured would count nothing.",
        )
        .default_is("overlap"),
        Setting::new(
            "programme",
            Form::Files,
            "When the sessions are held, as messages do not tell: calendars (.ics) and tables of sessions. One is needed at least.",
        ),
        Setting::new(
            "secret_files",
            Form::Files,
            "Files with a secret of the webhook in each. While the secret changes there are two: what is signed with either is taken.",
        ),
        Setting::new(
            "secret_variables",
            Form::List,
            "Variables of the environment with a secret of the webhook in each. One file or variable is needed at least.",
        ),
        Setting::new(
            "source",
            Form::Text,
            "The name of the installation. It never changes, as all that was told hangs on it.",
        )
        .default_is("hi-events"),
        Setting::new(
            "zone",
            Form::Text,
            "By whose clock the programme is, such as Europe/Rome. It is needed.",
        ),
    ]
}

fn ical_settings() -> Vec<Setting> {
    vec![
        activity("volunteering"),
        Setting::new(
            "attendee",
            Form::Text,
            "The person's mailbox in the calendar: only events that it accepted count. Without it all of them do.",
        ),
        Setting::new(
            "nominal_minutes",
            Form::Whole,
            "How long an event takes that has no end. Without it such events are refused.",
        )
        .counts("minutes"),
        Setting::new(
            "source",
            Form::Text,
            "The name of the calendar. It never changes, as all that was read hangs on it.",
        )
        .default_is("calendar"),
        Setting::new(
            "subject",
            Form::Text,
            "Whose calendar it is, as you call the person; the file does not tell.",
        )
        .default_is("me"),
        Setting::new(
            "zone",
            Form::Text,
            "By whose clock times without a zone are, such as Europe/Rome. Without it such events are refused.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use wom_adapter_ticketing::{CheckinCsvConfig, EventbriteConfig, HiEventsConfig, IcalConfig};

    use super::*;
    use crate::standard::tests::assert_documented;

    #[test]
    fn settings_are_documented_as_they_are() {
        assert_documented::<AttendanceMinutes>(&attendance_settings());
        assert_documented::<CheckinCsvConfig>(&checkin_csv_settings());
        assert_documented::<EventbriteConfig>(&eventbrite_settings());
        assert_documented::<HiEventsConfig>(&hi_events_settings());
        assert_documented::<IcalConfig>(&ical_settings());
    }
}
