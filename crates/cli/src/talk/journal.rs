//! Everything that happens goes through here: it gets its time, and then to whoever is to know it (the person, a script, a file).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Zoned;

use super::entry::{Entry, What};
use super::show;
use crate::terminal::Paper;

/// Takes text for people and shows it above the prompt, wherever that is.
pub(crate) type Printer = Box<dyn FnMut(String) + Send>;

/// In which form a conversation is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text(Paper),
    Json,
}

/// Writes a conversation down.
pub(crate) struct Journal {
    begun: Instant,
    form: Form,
    printer: Printer,
    recording: Option<(PathBuf, BufWriter<File>)>,
}

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {error}; choose another file with --record", path = .path.display())]
pub(crate) struct RecordError {
    path: PathBuf,
    error: io::Error,
}

impl Journal {
    /// A journal that begins now. A recording replaces what was in its file.
    pub(crate) fn new(form: Form, printer: Printer, recording: Option<&Path>) -> Result<Self, RecordError> {
        let open = |path: &Path| match File::create(path) {
            Ok(file) => Ok((path.to_owned(), BufWriter::new(file))),
            Err(error) => Err(RecordError { path: path.to_owned(), error }),
        };
        Ok(Self { begun: Instant::now(), form, printer, recording: recording.map(open).transpose()? })
    }

    /// Notes that something happened just now.
    pub(crate) fn note(&mut self, what: What) {
        let entry = Entry { at: self.begun.elapsed(), what };
        self.record(&entry);
        self.show(&entry, &Zoned::now().strftime("%H:%M:%S%.3f").to_string());
    }

    /// Shows something from a recording, with its time since the beginning. It is not recorded again.
    pub(crate) fn recall(&mut self, entry: &Entry) {
        self.show(entry, &offset(entry.at));
    }

    fn show(&mut self, entry: &Entry, clock: &str) {
        match &self.form {
            Form::Json => (self.printer)(entry.to_json() + "\n"),
            Form::Text(paper) => {
                if let Some(text) = show::draw(entry, clock, paper) {
                    (self.printer)(text + "\n");
                }
            }
        }
    }

    /// At once to the file, so that a recording is whole whatever happens next.
    fn record(&mut self, entry: &Entry) {
        let Some((path, file)) = &mut self.recording else { return };
        // What talk says to its user is no part of the conversation.
        if matches!(entry.what, What::Note(_)) {
            return;
        }
        if let Err(error) = writeln!(file, "{}", entry.to_json()).and_then(|()| file.flush()) {
            let text = format!("nothing more is recorded: cannot write {}: {error}", path.display());
            self.recording = None;
            self.note(What::Error(text));
        }
    }
}

/// A time since the beginning, as wide as a time of day.
fn offset(at: Duration) -> String {
    let (minutes, seconds) = (at.as_secs() / 60, at.as_secs() % 60);
    format!("{minutes:>5}:{seconds:02}.{:03}", at.subsec_millis())
}

/// Writes to standard output. Whoever closed it does not want to know.
pub(crate) fn to_stdout() -> Printer {
    Box::new(|text| {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes());
        let _ = stdout.flush();
    })
}
