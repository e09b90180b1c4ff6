//! The log lines of a story, for promises about what operators read.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use tracing_core::{
    Dispatch, Event, Level, Metadata, Subscriber,
    dispatcher::{DefaultGuard, set_default},
    field::{Field, Visit},
    span::{Attributes, Current, Id, Record},
};

/// The lines that are logged on this thread until it is dropped.
pub(crate) struct CapturedLog {
    lines: Arc<Mutex<Vec<(Level, String)>>>,
    _guard: DefaultGuard,
}

impl CapturedLog {
    pub(crate) fn start() -> Self {
        let lines = Arc::default();
        let dispatch = Dispatch::new(Collector(Arc::clone(&lines)));
        Self {
            lines,
            _guard: set_default(&dispatch),
        }
    }

    /// Returns the errors with this text.
    pub(crate) fn errors_with(&self, text: &str) -> Vec<String> {
        self.lines_with(Level::ERROR, text)
    }

    /// Returns all lines in order.
    pub(crate) fn messages(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().map(|(_, line)| line.clone()).collect()
    }

    /// Returns the lines of this level with this text.
    pub(crate) fn lines_with(&self, level: Level, text: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let of_level = lines.iter().filter(|(of, _)| *of == level);
        let lines = of_level.map(|(_, line)| line.clone());
        lines.filter(|line| line.contains(text)).collect()
    }
}

struct Collector(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let line = (*event.metadata().level(), message.0);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn current_span(&self) -> Current {
        Current::none()
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").unwrap();
        }
    }
}
