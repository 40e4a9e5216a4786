//! The prompt of a terminal: editing, history and completion, while news are printed above it.
//!
//! The editor blocks, so it has a thread of its own. It ends by itself when the person leaves, and only then: it is what gives the
//! terminal back as it was.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustyline::config::{BellStyle, Configurer};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor, ExternalPrinter};
use tokio::sync::mpsc;

use super::catalog::Catalog;
use super::command::Command;
use super::completion::Completion;
use super::history_file;
use super::input::{self, Typed};
use super::journal::Printer;
use super::line::Line;
use crate::terminal::Paper;

/// More than anybody scrolls back through.
const REMEMBERED: usize = 1_000;

/// A prompt at work.
pub(crate) struct Prompt {
    pub(crate) typed: mpsc::Receiver<Typed>,
    pub(crate) printer: Printer,
    thread: JoinHandle<()>,
}

impl Prompt {
    /// Shows the prompt. Lines are remembered in the state folder unless `history` is `None`.
    pub(crate) fn open(
        catalog: Arc<Catalog>,
        paper: Paper,
        history: Option<PathBuf>,
    ) -> rustyline::Result<Self> {
        let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
        let mut editor: Editor<Completion, FileHistory> = Editor::with_config(config)?;
        editor.set_bell_style(BellStyle::None);
        editor.set_max_history_size(REMEMBERED)?;
        let name = match catalog.hubs() {
            [hub] => format!("{}> ", hub.property),
            _ => "> ".to_owned(),
        };
        editor.set_helper(Some(Completion::new(catalog, paper)));
        if let Some(file) = &history {
            // There is none the first time.
            let _ = editor.load_history(file);
        }
        let mut external = editor.create_external_printer()?;
        let printer: Printer = Box::new(move |text| {
            // A terminal that is gone is noticed by the editor.
            let _ = external.print(text);
        });
        let (sender, typed) = input::channel();
        let thread = std::thread::spawn(move || edit(&mut editor, &name, &sender, history));
        Ok(Self { typed, printer, thread })
    }

    /// Waits until the terminal is as it was.
    pub(crate) fn close(thread: JoinHandle<()>) {
        // A panic has been reported by the thread itself.
        let _ = thread.join();
    }

    pub(crate) fn into_parts(self) -> (mpsc::Receiver<Typed>, Printer, JoinHandle<()>) {
        (self.typed, self.printer, self.thread)
    }
}

fn edit(
    editor: &mut Editor<Completion, FileHistory>,
    name: &str,
    sender: &mpsc::Sender<Typed>,
    history: Option<PathBuf>,
) {
    loop {
        let typed = match editor.readline(name) {
            Ok(line) if is_farewell(&line) => Typed::Quit,
            Ok(line) => Typed::Line(line),
            // Ctrl-C clears the line, as in a shell.
            Err(ReadlineError::Interrupted) => continue,
            Err(_) => Typed::Quit,
        };
        let leaves = matches!(typed, Typed::Quit);
        if sender.blocking_send(typed).is_err() || leaves {
            break;
        }
    }
    if let Some(file) = history {
        history_file::save(editor, &file);
    }
}

fn is_farewell(line: &str) -> bool {
    matches!(Line::parse(line), Ok(Line::Command { name, rest }) if Command::parse(name, rest) == Ok(Command::Quit))
}
