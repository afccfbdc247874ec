//! Our events, for the face, which publishes them on a channel of `node:diagnostics_channel`.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use serde_json::json;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::home::Thread;

/// The JavaScript threads that hear of events.
static THREADS: Mutex<Vec<Weak<Thread>>> = Mutex::new(Vec::new());

/// Tells this thread of events from now on, where nobody else in this process listens.
pub(crate) fn tell(thread: &Arc<Thread>) {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    threads.retain(|thread| thread.strong_count() > 0);
    if threads.is_empty() {
        let _ = tracing_subscriber::registry().with(Aside).try_init();
    }
    threads.push(Arc::downgrade(thread));
}

struct Aside;

impl<S: Subscriber> Layer<S> for Aside {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("wom") && *metadata.level() <= Level::INFO
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut text = Text::default();
        event.record(&mut text);
        let told = json!({
            "level": metadata.level().as_str().to_ascii_lowercase(),
            "target": metadata.target().replace("::", "."),
            "message": text.message + &text.fields,
        });
        let told = told.to_string();
        let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        let alive: Vec<_> = threads.iter().filter_map(Weak::upgrade).collect();
        drop(threads);
        for thread in alive {
            thread.tell("event", 0, told.clone());
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
