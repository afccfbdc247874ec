//! The adapters that read learning platforms themselves.

use std::sync::Arc;

use wom_adapter_elearning::{Kolibri, Moodle, OpenEdx, Scorm};

use crate::{
    Entry, Form, Setting,
    standard::{adapter, platform_settings},
};

pub(crate) fn adapters() -> Vec<Entry> {
    vec![
        adapter(kolibri_settings(), |config| {
            Ok(Arc::new(Kolibri::new(config)?))
        }),
        adapter(moodle_settings(), |config| {
            Ok(Arc::new(Moodle::new(config)?))
        }),
        adapter(openedx_settings(), |config| {
            Ok(Arc::new(OpenEdx::new(config)?))
        }),
        adapter(scorm_settings(), |config| Ok(Arc::new(Scorm::new(config)?))),
    ]
}

/// The setting of the address by which a platform's learners are known.
fn home_page(default: &'static str) -> Setting {
    Setting::new(
        "home_page",
        Form::Text,
        "The platform's address, such as https://lms.example.org. Learners are known by it and their id there, as in statements that the platform sends to an LRS.",
    )
    .default_is(default)
}

fn kolibri_settings() -> Vec<Setting> {
    let mut settings = platform_settings();
    settings.push(Setting::new(
        "database",
        Form::Text,
        "The whole path of Kolibri's db.sqlite3, for pulling from it while Kolibri runs on this machine. Nothing is ever written to it.",
    ));
    settings
}

fn moodle_settings() -> Vec<Setting> {
    let mut settings = platform_settings();
    settings.push(home_page("moodle:site"));
    settings.push(Setting::new(
        "courses",
        Form::List,
        "The numbers of the courses whose completions are pulled from the web service. It needs milestones, home_page and a token.",
    ));
    settings.push(
        Setting::new(
            "danger_accept_plain_http",
            Form::Flag,
            "Whether plain http to another machine is accepted, over which anybody on the way can read the token and learners.",
        )
        .default_is("false"),
    );
    settings.push(Setting::new(
        "secret_files",
        Form::Files,
        "Files with a token of the web service in each. While the token changes there are two.",
    ));
    settings.push(Setting::new(
        "secret_variables",
        Form::List,
        "Variables of the environment with a token of the web service in each.",
    ));
    settings.push(
        Setting::new(
            "trust_completions",
            Form::Flag,
            "Whether an activity that the log calls complete is. The log does not tell whether a learner ticked it off: say true only where every activity completes by itself.",
        )
        .default_is("false"),
    );
    settings
}

fn openedx_settings() -> Vec<Setting> {
    let mut settings = platform_settings();
    settings.push(home_page("openedx:site"));
    settings
}

fn scorm_settings() -> Vec<Setting> {
    let mut settings = platform_settings();
    settings.push(home_page("scorm:lms"));
    settings
}

#[cfg(test)]
mod tests {
    use wom_adapter_elearning::{KolibriConfig, MoodleConfig, OpenEdxConfig, ScormConfig};

    use super::*;
    use crate::standard::tests::assert_documented;

    #[test]
    fn settings_are_documented_as_they_are() {
        assert_documented::<KolibriConfig>(&kolibri_settings());
        assert_documented::<MoodleConfig>(&moodle_settings());
        assert_documented::<OpenEdxConfig>(&openedx_settings());
        assert_documented::<ScormConfig>(&scorm_settings());
    }
}
