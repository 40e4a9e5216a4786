//! The loop of a conversation: what is typed goes to the session, what the session tells goes to the journal, until there is a reason
//! to end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use heliostat_client::{Restart, State};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::catalog::Catalog;
use super::command::{self, Command};
use super::entry::{Failure, FailureKind, What};
use super::hearing;
use super::input::{Asked, Typed};
use super::invocation;
use super::journal::Journal;
use super::line::{self, Line};
use super::session::{Done, Lines, News, Session};
use super::summary;
use crate::reach::TransportChoice;

/// Who is at the other end of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A person, who sees what happens and decides when to leave.
    Person,
    /// A file of lines, each of which waits for the answer to the one before.
    Script,
    /// A program that keeps account of its calls itself.
    Program,
}

/// What to do when the input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Wait for the answers that are still out, and leave.
    Leave,
    /// Listen on.
    Stay,
}

/// How a conversation is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) manner: Manner,
    pub(crate) at_end: AtEnd,
}

/// A conversation with a server.
pub(crate) struct Conversation {
    pub(crate) session: Session,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) journal: Journal,
    pub(crate) style: Style,
    course: Course,
}

/// What the other side of the input wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wish {
    #[default]
    Talk,
    /// Nothing more will be said.
    Silence,
    Leave,
}

/// How far a conversation has come.
#[derive(Debug, Default)]
struct Course {
    /// A start has succeeded.
    began: bool,
    /// The connection has ended and nothing is being done about it.
    closed: bool,
    wish: Wish,
    /// Lines wait until then.
    paused: Option<Instant>,
    /// The last error that was told.
    told: Option<String>,
    /// The first failure, which a script's exit code tells.
    failed: Option<FailureKind>,
}

impl Conversation {
    pub(crate) fn new(session: Session, catalog: Arc<Catalog>, journal: Journal, style: Style) -> Self {
        Self { session, catalog, journal, style, course: Course::default() }
    }

    /// Starts the connection and talks until the end.
    pub(crate) async fn run(mut self, mut typed: mpsc::Receiver<Typed>) -> ExitCode {
        self.session.start();
        while !self.is_over() {
            let paused = self.course.paused.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                news = self.session.next() => self.hear(news),
                () = tokio::time::sleep_until(paused), if self.course.paused.is_some() => self.course.paused = None,
                line = typed.recv(), if self.may_read() => self.take(line.unwrap_or(Typed::End)).await,
                _ = tokio::signal::ctrl_c() => self.course.wish = Wish::Leave,
            }
        }
        self.session.stop().await;
        self.hear_the_rest().await;
        self.exit_code()
    }

    fn is_over(&self) -> bool {
        let course = &self.course;
        let is_idle = self.session.under_way() == 0;
        let said_all = course.wish == Wish::Silence && is_idle && self.style.at_end == AtEnd::Leave;
        // A person stays: the server may come, and the prompt must be left by the one who is at it. A start that failed is waited for,
        // since it knows why.
        let ended = course.closed && (course.began || is_idle) && self.style.manner != Manner::Person;
        course.wish == Wish::Leave || said_all || ended
    }

    fn may_read(&self) -> bool {
        let course = &self.course;
        let ready = match self.style.manner {
            Manner::Person => true,
            Manner::Script => course.began && self.session.under_way() == 0,
            Manner::Program => course.began,
        };
        ready && course.wish == Wish::Talk && course.paused.is_none()
    }

    fn hear(&mut self, news: News) {
        match news {
            News::What(what) => self.hear_event(what),
            News::Done(Done::Call(what)) => {
                if let What::Failed { failure, .. } = &what {
                    self.course.failed.get_or_insert(failure.kind);
                }
                self.journal.note(what);
            }
            News::Done(Done::Sent(Ok(()))) => {}
            News::Done(Done::Sent(Err(error))) => self.fail(FailureKind::Connection, error),
            News::Done(Done::Started(Ok(()))) => {
                self.course.began = true;
                self.course.closed = false;
                self.course.told = None;
                let connected = hearing::connected(self.session.connection());
                self.journal.note(connected);
            }
            News::Done(Done::Started(Err(error))) => {
                let Failure { kind, message, .. } = invocation::start_failure(&error);
                self.course.closed = true;
                self.fail(kind, message);
                if !self.course.began {
                    let url = &self.session.plan().url;
                    let again = if self.style.manner == Manner::Person { "; .start tries again" } else { "" };
                    self.journal.note(What::Note(format!("heliostat doctor {url} finds out why{again}")));
                }
            }
        }
    }

    fn hear_event(&mut self, what: What) {
        if let What::Error(error) = what {
            self.tell(error);
        } else if let What::Closed { error } = what {
            let comes_back = self.course.began && self.session.plan().restart != Restart::Never;
            self.course.closed = !comes_back;
            // Why a start failed is told by the start itself.
            if error.is_some() && self.course.began && !comes_back {
                self.course.failed.get_or_insert(FailureKind::Connection);
            }
            // What was just told as an error need not be told again as the reason.
            let error = error.filter(|error| self.course.told.as_ref() != Some(error));
            self.journal.note(What::Closed { error });
        } else {
            self.journal.note(what);
        }
    }

    /// Tells an error, unless it was the last that was told.
    fn tell(&mut self, error: String) {
        if self.course.told.as_ref() != Some(&error) {
            self.course.told = Some(error.clone());
            self.journal.note(What::Error(error));
        }
    }

    /// The news that the end itself brings: calls that get no answer, and that it is over.
    async fn hear_the_rest(&mut self) {
        let last = Duration::from_millis(100);
        while let Ok(news) = tokio::time::timeout(last, self.session.next()).await {
            let is_last = matches!(news, News::What(What::Closed { .. })) && self.session.under_way() == 0;
            self.hear(news);
            if is_last {
                return;
            }
        }
    }

    fn fail(&mut self, kind: FailureKind, why: String) {
        self.course.failed.get_or_insert(kind);
        self.tell(why);
    }

    async fn take(&mut self, typed: Typed) {
        match typed {
            Typed::Line(line) => self.take_line(&line).await,
            Typed::Call(asked) => self.call(asked),
            Typed::Raw(text) => self.send(text),
            Typed::Broken(why) => {
                self.fail(FailureKind::Connection, why);
                self.course.wish = Wish::Silence;
            }
            Typed::End => self.course.wish = Wish::Silence,
            Typed::Quit => self.course.wish = Wish::Leave,
        }
    }

    async fn take_line(&mut self, text: &str) {
        if self.style.manner == Manner::Program && text.trim_start().starts_with('{') {
            match serde_json::from_str(text) {
                Ok(asked) => self.call(asked),
                Err(error) => self.mistake(&format!(
                    "this is no call: {error}; write {{\"hub\":\"…\",\"method\":\"…\",\"arguments\":[…]}}"
                )),
            }
            return;
        }
        let is_text = self.session.plan().lines == Lines::Texts && !text.trim_start().starts_with('.');
        if is_text {
            if !text.trim().is_empty() {
                self.send(text.to_owned());
            }
            return;
        }
        match Line::parse(text) {
            Ok(Line::Empty) => {}
            Ok(Line::Call { target, arguments }) => {
                self.call(Asked { hub: None, method: target.to_owned(), arguments, id: None });
            }
            Ok(Line::Command { name, rest }) => match Command::parse(name, rest) {
                Ok(command) => self.obey(command).await,
                Err(error) => self.mistake(&error),
            },
            Err(error) => self.mistake(&error),
        }
    }

    /// Something was typed that cannot be done. A script that has one is wrong, and its exit code says so.
    fn mistake(&mut self, why: &dyn std::fmt::Display) {
        self.course.failed.get_or_insert(FailureKind::Usage);
        // Not as an error of the connection: who makes the same mistake twice is told twice.
        self.journal.note(What::Error(why.to_string()));
    }

    fn call(&mut self, Asked { hub, method, arguments, id }: Asked) {
        let catalog = Arc::clone(&self.catalog);
        let target = match &hub {
            Some(hub) => Ok((hub.as_str(), method.as_str())),
            None => catalog.resolve(&method),
        };
        match target.map(|(hub, method)| (self.session.hub(hub), method)) {
            Ok((Ok(hub), method)) => {
                if let Some(doubt) = catalog.doubt(hub.name(), method) {
                    self.journal.note(What::Note(doubt));
                }
                let call = self.session.call(id, &hub, method, arguments);
                self.journal.note(call);
            }
            Ok((Err(error), _)) => self.mistake(&error),
            Err(error) => self.mistake(&error),
        }
    }

    fn send(&mut self, text: String) {
        self.journal.note(What::RawSent(text.clone()));
        self.session.send(text);
    }

    async fn obey(&mut self, command: Command) {
        let answer = match command {
            Command::Help => command::help(),
            Command::Hubs => self.catalog.draw(),
            Command::Info => summary::connection(&self.session),
            Command::ShowState => summary::state(&self.session),
            Command::ShowTransport => summary::transport(&self.session),
            Command::SetState { name, value } => return self.set_state(&name, value.as_deref()),
            Command::UseTransport(transport) => return self.move_to(transport).await,
            Command::Raw(text) => return self.send(text),
            Command::Start => match self.session.connection().state() {
                State::Disconnected => {
                    self.course.closed = false;
                    self.course.told = None;
                    return self.session.start();
                }
                state @ (State::Connecting | State::Connected | State::Reconnecting) => {
                    format!("it is {}; .stop ends it", hearing::name_of(state))
                }
            },
            Command::Stop => return self.session.stop().await,
            Command::Wait(time) => return self.course.paused = Some(Instant::now() + time),
            Command::Quit => return self.course.wish = Wish::Leave,
        };
        self.journal.note(What::Note(answer));
    }

    fn set_state(&mut self, target: &str, value: Option<&str>) {
        let catalog = Arc::clone(&self.catalog);
        let (hub, name) = match catalog.resolve(target) {
            Ok(found) => found,
            Err(error) => return self.mistake(&error),
        };
        let hub = match self.session.hub(hub) {
            Ok(hub) => hub,
            Err(error) => return self.mistake(&error),
        };
        match value.map(|value| line::whole_argument(value, 1)) {
            None => {
                hub.state().remove(name);
            }
            Some(Err(error)) => self.mistake(&error),
            Some(Ok(value)) => {
                if let Err(error) = hub.state().set(name, parsed(&value)) {
                    self.mistake(&error);
                }
            }
        }
    }

    async fn move_to(&mut self, transport: TransportChoice) {
        let catalog = Arc::clone(&self.catalog);
        match self.session.move_to(transport, &catalog).await {
            Ok(()) => {
                self.course.closed = false;
                self.session.start();
            }
            Err(error) => self.mistake(&error),
        }
    }

    /// A person saw what went wrong; a script is told by the code.
    fn exit_code(&self) -> ExitCode {
        match self.course.failed {
            Some(kind) if self.style.manner != Manner::Person || !self.course.began => kind.exit_code(),
            _ => ExitCode::SUCCESS,
        }
    }
}

fn parsed(value: &RawValue) -> serde_json::Value {
    serde_json::from_str(value.get()).unwrap_or_default()
}
