//! Our events, for Python's `logging`.
//!
//! An event may come on a thread, and at a time, where Python cannot be called: the runtime's own
//! thread brings it there, soon.

use std::fmt::Write as _;

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::runtime;

/// The logger above all of ours.
const ROOT: &str = "wom_sdk";

/// Listens from now on, where nobody else in this process does.
pub(crate) fn listen() {
    let _ = tracing_subscriber::registry().with(Aside).try_init();
}

struct Aside;

impl<S: Subscriber> Layer<S> for Aside {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("wom") && *metadata.level() <= Level::INFO
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        let mut text = Text::default();
        event.record(&mut text);
        let target = metadata.target().replace("::", ".");
        // One tree of loggers, which a program can set as one.
        let target = match target.starts_with(ROOT) {
            true => target,
            false => format!("{ROOT}.{target}"),
        };
        if let Ok(home) = runtime::home() {
            home.report(level, target, text.message + &text.fields);
        }
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing into a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
