//! Where the lines come from: a script's standard input, a prompt, or a recording. One source at a time.

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

/// How many lines may wait. A script that is faster waits itself.
const WAITING: usize = 16;

/// What a person or a script wants.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A line as it was typed.
    Line(String),
    /// A call that needs no reading.
    Call(Asked),
    /// A text to send as it is.
    Raw(String),
    /// Nothing more will come, because the source is broken.
    Broken(String),
    /// Nothing more will come.
    End,
    /// Leave at once.
    Quit,
}

/// A call as a program writes it: `{"hub":"chat","method":"send","arguments":["hi"],"id":7}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// May be left out if there is one hub.
    pub(crate) hub: Option<String>,
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) arguments: Vec<Box<RawValue>>,
    /// Comes back with everything that belongs to this call; numbered by talk if left out.
    pub(crate) id: Option<u64>,
}

/// A new source's two ends.
pub(crate) fn channel() -> (mpsc::Sender<Typed>, mpsc::Receiver<Typed>) {
    mpsc::channel(WAITING)
}

/// The lines of standard input.
pub(crate) fn from_stdin() -> mpsc::Receiver<Typed> {
    let (sender, receiver) = channel();
    // Reading blocks, and cannot be interrupted; the thread ends with the process.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            // A line that is no text ends the input as a broken pipe does.
            let Ok(line) = line else { break };
            if sender.blocking_send(Typed::Line(line)).is_err() {
                return;
            }
        }
        let _ = sender.blocking_send(Typed::End);
    });
    receiver
}
