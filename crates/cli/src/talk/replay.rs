//! A recording played again: shown with its own timing, or said again to a server.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::entry::{Entry, EntryError, What};
use super::input::{self, Asked, Typed};
use super::journal::Journal;

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("cannot read {path}: {error}", path = .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{path}, line {line} is no entry of a recording: {error}", path = .path.display())]
    Entry { path: PathBuf, line: usize, error: EntryError },
}

/// A recording with the speed at which it is played.
#[derive(Debug)]
pub(crate) struct Recording {
    path: PathBuf,
    lines: io::Lines<BufReader<File>>,
    line: usize,
    speed: f64,
}

impl Recording {
    /// `speed` is how many times faster; endless means without any pause.
    pub(crate) fn open(path: &Path, speed: f64) -> Result<Self, ReplayError> {
        let file = File::open(path).map_err(|error| ReplayError::File { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), lines: BufReader::new(file).lines(), line: 0, speed })
    }

    fn next(&mut self) -> Option<Result<Entry, ReplayError>> {
        loop {
            let line = self.lines.next()?;
            self.line += 1;
            match line {
                Err(error) => return Some(Err(ReplayError::File { path: self.path.clone(), error })),
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => {
                    let (path, number) = (&self.path, self.line);
                    let wrong = |error| ReplayError::Entry { path: path.clone(), line: number, error };
                    return Some(Entry::parse(&line).map_err(wrong));
                }
            }
        }
    }

    /// When an entry is due, if the first one was at `begun`.
    fn due(&self, begun: Instant, at: Duration) -> Instant {
        let after = Duration::try_from_secs_f64(at.as_secs_f64() / self.speed).unwrap_or(Duration::ZERO);
        begun + after
    }

    /// Shows everything in its time.
    pub(crate) async fn show(mut self, journal: &mut Journal) -> Result<(), ReplayError> {
        let begun = Instant::now();
        while let Some(entry) = self.next() {
            let entry = entry?;
            sleep_until(self.due(begun, entry.at)).await;
            journal.recall(&entry);
        }
        Ok(())
    }

    /// Says again, in its time, what was said to the server. The times count from the first thing that was said, because connecting takes
    /// as long as it takes. What cannot be read ends it, and is told.
    pub(crate) fn say_again(mut self) -> mpsc::Receiver<Typed> {
        let (sender, receiver) = input::channel();
        tokio::spawn(async move {
            let mut begun = None;
            while let Some(entry) = self.next() {
                let (at, typed) = match entry {
                    Ok(Entry { at, what: What::Call { hub, method, arguments, .. } }) => {
                        (at, Typed::Call(Asked { hub: Some(hub), method, arguments, id: None }))
                    }
                    Ok(Entry { at, what: What::RawSent(text) }) => (at, Typed::Raw(text)),
                    Ok(_) => continue,
                    Err(error) => {
                        let _ = sender.send(Typed::Broken(error.to_string())).await;
                        return;
                    }
                };
                let (start, first) = *begun.get_or_insert((Instant::now(), at));
                sleep_until(self.due(start, at.saturating_sub(first))).await;
                if sender.send(typed).await.is_err() {
                    return;
                }
            }
            let _ = sender.send(Typed::End).await;
        });
        receiver
    }
}
