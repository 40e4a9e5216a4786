//! A recording played again: shown with its own timing, or said again to a server.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::entry::{Entry, What};
use super::form::EntryError;
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::talk::journal::Form;
    use crate::terminal::Paper;

    const RECORDED: [&str; 5] = [
        r#"{"at":0,"what":"begin","version":1,"url":"http://h/s"}"#,
        r#"{"at":2,"what":"call","direction":"out","id":1,"hub":"chat","method":"say","arguments":["a"]}"#,
        "",
        r#"{"at":2.5,"what":"result","direction":"in","id":1,"value":null}"#,
        r#"{"at":12,"what":"raw","direction":"out","text":"b"}"#,
    ];

    /// A file that is gone with the test.
    struct Tape(PathBuf);

    impl Tape {
        fn new(name: &str, lines: &[&str]) -> Self {
            let path = std::env::temp_dir().join(format!("heliostat-tape-{}-{name}", std::process::id()));
            std::fs::write(&path, lines.join("\n")).unwrap();
            Self(path)
        }
    }

    impl Drop for Tape {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_recording_takes_its_time_divided_by_the_speed() {
        let tape = Tape::new("show", &RECORDED);
        let shown = Arc::new(Mutex::new(String::new()));
        let printed = Arc::clone(&shown);
        let printer = Box::new(move |text: String| printed.lock().unwrap().push_str(&text));
        let mut journal = Journal::new(Form::Text(Paper::plain(None)), printer, None).unwrap();
        let begun = Instant::now();
        Recording::open(&tape.0, 4.0).unwrap().show(&mut journal).await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        insta::assert_snapshot!(shown.lock().unwrap(), @r#"
        0:02.000 → #1 chat.say("a")
        0:02.500 = #1 null  (0.0 ms)
        0:12.000 → b
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_is_said_again_with_the_same_pauses() {
        let tape = Tape::new("again", &RECORDED);
        let begun = Instant::now();
        let mut typed = Recording::open(&tape.0, 1.0).unwrap().say_again();
        assert!(matches!(typed.recv().await, Some(Typed::Call(Asked { method, .. })) if method == "say"));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(matches!(typed.recv().await, Some(Typed::Raw(text)) if text == "b"));
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        assert!(matches!(typed.recv().await, Some(Typed::End)));
        let endless = Recording::open(&tape.0, f64::INFINITY).unwrap();
        assert_eq!(endless.due(begun, Duration::from_secs(9)), begun);
    }

    #[tokio::test]
    async fn a_line_that_is_no_entry_is_told_with_its_number() {
        let tape = Tape::new("broken", &[RECORDED[1], "{}"]);
        let mut typed = Recording::open(&tape.0, f64::INFINITY).unwrap().say_again();
        assert!(matches!(typed.recv().await, Some(Typed::Call(_))));
        let Some(Typed::Broken(why)) = typed.recv().await else { panic!("it went on") };
        assert!(why.contains("line 2 is no entry of a recording"), "{why}");
    }
}
