//! The client's machine at work: it decides, this carries out.
//!
//! One task per connection owns the machine, the clock and the transport connection. It waits for nobody: requests
//! run beside it, handlers have a task of their own, and what they have not taken waits in a backlog. While there is
//! a backlog the transport is not read, so the backlog never holds much more than one response.

mod effects;
mod received;
mod restart;
mod sending;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use heliostat_proto::connection::LinkId;
use heliostat_proto::connection::client::{Answer, ClientConnection, Input, Phase, StartAnswer, Turn};
use heliostat_proto::negotiate::Welcome;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, Interval, sleep_until};

use crate::calls::Calls;
use crate::dispatcher::{self, Notice};
use crate::error::{Cause, ConnectionError, RequestError, SendError};
use crate::exchange::Session;
use crate::message::Message;
use crate::settings::WhenFull;
use crate::shared::Shared;
use crate::transport::{Line, NEWS, News};
use restart::Again;

/// While calls wait for results, the backlog may be so many times as long as the queue.
const OVERDRAFT: usize = 10;

/// What handles want.
pub(crate) enum Command {
    Start(oneshot::Sender<Result<(), ConnectionError>>),
    Stop(oneshot::Sender<()>),
    Send(Outgoing),
}

/// Something to be sent, with its place among all that is on its way.
pub(crate) struct Outgoing {
    pub(crate) text: Arc<str>,
    pub(crate) whose: Whose,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// Who waits for what becomes of it.
pub(crate) enum Whose {
    /// Whoever wants to know that it was sent.
    Sender(oneshot::Sender<Result<(), SendError>>),
    /// This call, for its answer.
    Call(u64),
    /// Nobody: it was sent before.
    Nobody,
}

impl Whose {
    fn fail(self, error: SendError, calls: &Calls) {
        match self {
            // Whoever does not wait any more need not know.
            Self::Sender(done) => drop(done.send(Err(error))),
            Self::Call(id) => calls.answer(id, Err(error.into())),
            Self::Nobody => {}
        }
    }
}

/// What the machine is told of a negotiation, and what is kept of it.
type Negotiation = Result<(Answer, Option<(Session, Welcome)>), RequestError>;

/// A request that is over.
enum Done {
    Negotiated(Turn, Box<Negotiation>),
    Started(Turn, Result<(), RequestError>),
    Sent(Whose, Result<Vec<u8>, RequestError>),
    Pinged(Result<(), RequestError>),
    Aborted,
}

/// What the driver wakes up for.
enum Happening {
    Command(Command),
    /// The connection was dropped.
    Abandoned,
    Done(Done),
    /// The application has taken something.
    Room,
    News(LinkId, News),
    Tick,
    /// It is time to start again.
    Again,
    Ping,
}

struct Driver {
    shared: Arc<Shared>,
    machine: ClientConnection<Message>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// What holds from the negotiation on.
    session: Session,
    lines: HashMap<LinkId, Line>,
    news: mpsc::Receiver<(LinkId, News)>,
    reporters: mpsc::Sender<(LinkId, News)>,
    requests: JoinSet<Done>,
    /// Requests that carry messages of the application. They end with the connection.
    sends: JoinSet<Done>,
    /// What failed since the connection last worked, the latest last.
    causes: Vec<Cause>,
    starting: Vec<oneshot::Sender<Result<(), ConnectionError>>>,
    stopping: Vec<oneshot::Sender<()>>,
    aborts: usize,
    notices: mpsc::Sender<Notice>,
    backlog: VecDeque<Notice>,
    dispatcher: AbortHandle,
    again: Again,
    /// Why the driver itself stops the connection.
    verdict: Option<ConnectionError>,
    ping: Option<Interval>,
    /// The connection was dropped: what is left is to tell the server.
    is_abandoned: bool,
}

/// Begins to drive a connection on the runtime of the caller.
pub(crate) fn spawn(shared: &Arc<Shared>) -> mpsc::UnboundedSender<Command> {
    let (sender, commands) = mpsc::unbounded_channel();
    shared.driven_by(sender.downgrade());
    let (notices, taken) = mpsc::channel(shared.options.queue.limit);
    let dispatcher = tokio::spawn(dispatcher::run(Arc::clone(shared), taken)).abort_handle();
    let (reporters, news) = mpsc::channel(NEWS);
    let driver = Driver {
        machine: ClientConnection::new(shared.options.machine.clone(), Instant::now().into_std()),
        commands,
        session: Session::new(shared),
        shared: Arc::clone(shared),
        lines: HashMap::new(),
        news,
        reporters,
        requests: JoinSet::new(),
        sends: JoinSet::new(),
        causes: Vec::new(),
        starting: Vec::new(),
        stopping: Vec::new(),
        aborts: 0,
        notices,
        backlog: VecDeque::new(),
        dispatcher,
        again: Again::default(),
        verdict: None,
        ping: None,
        is_abandoned: false,
    };
    tokio::spawn(driver.run());
    sender
}

impl Driver {
    async fn run(mut self) {
        while !self.is_abandoned || self.aborts > 0 {
            match self.next().await {
                Happening::Command(command) => self.obey(command),
                Happening::Abandoned => {
                    self.is_abandoned = true;
                    self.stop();
                }
                Happening::Done(done) => self.done(done),
                Happening::Room => self.make_room(),
                Happening::News(link, news) => self.hear(link, news),
                Happening::Tick => self.tick(),
                Happening::Again => self.start_again(),
                Happening::Ping => self.ping(),
            }
            self.carry_out();
        }
    }

    /// Waits for what happens next. Nothing is lost if it is not waited for to the end.
    async fn next(&mut self) -> Happening {
        let reads = self.reads();
        // Who does not read cannot know whether the server is silent.
        let tick = self.machine.poll_timeout().filter(|_| reads || self.machine.phase() != Phase::Connected);
        let pings = self.machine.phase() == Phase::Connected;
        tokio::select! {
            command = self.commands.recv(), if !self.is_abandoned => {
                command.map_or(Happening::Abandoned, Happening::Command)
            }
            Some(Ok(done)) = self.requests.join_next() => Happening::Done(done),
            Some(Ok(done)) = self.sends.join_next() => Happening::Done(done),
            Ok(_) = self.notices.reserve(), if !self.backlog.is_empty() => Happening::Room,
            Some((link, news)) = self.news.recv(), if reads => Happening::News(link, news),
            () = at(tick.map(Instant::from_std)) => Happening::Tick,
            () = at(self.again.due()), if !self.is_abandoned => Happening::Again,
            () = beat(&mut self.ping), if pings => Happening::Ping,
        }
    }

    /// A slow application stops the reading, unless it may be slow because it waits for what is to be read.
    fn reads(&self) -> bool {
        self.backlog.is_empty() || self.shared.calls.is_waited_for()
    }

    fn handle(&mut self, input: Input<Message>) {
        self.machine.handle(input, Instant::now().into_std());
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start(done) => {
                self.starting.push(done);
                self.again.forget();
                self.start();
            }
            Command::Stop(done) => {
                self.stopping.push(done);
                self.stop();
            }
            Command::Send(outgoing) => self.send(outgoing),
        }
    }

    fn stop(&mut self) {
        self.again.forget();
        self.handle(Input::Stop);
    }

    /// What came before the deadline counts before it, even if it was only read now.
    fn tick(&mut self) {
        while let Ok((link, news)) = self.news.try_recv() {
            self.hear(link, news);
            self.carry_out();
        }
        self.handle(Input::Tick);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Negotiated(turn, negotiation) => self.negotiated(turn, *negotiation),
            Done::Started(turn, Ok(())) => self.handle(Input::StartAnswered(turn, StartAnswer::Started)),
            Done::Started(turn, Err(error)) => {
                self.blame(self.machine.transport(), error);
                self.handle(Input::StartAnswered(turn, StartAnswer::Failed));
            }
            Done::Sent(whose, answer) => self.sent(whose, answer),
            Done::Pinged(Ok(())) => {}
            Done::Pinged(Err(error)) => self.ping_failed(error),
            Done::Aborted => self.aborts -= 1,
        }
    }

    /// The queue is full: is that the end?
    fn overflow(&mut self) {
        let queue = self.shared.options.queue;
        let allowed = match queue.when_full {
            WhenFull::Close => 0,
            // One response may bring many messages; what counts is that more is read while they wait.
            WhenFull::Wait if !self.shared.calls.is_waited_for() => usize::MAX,
            WhenFull::Wait => queue.limit.saturating_mul(OVERDRAFT - 1),
        };
        if self.backlog.len() > allowed && self.verdict.is_none() && self.machine.phase() == Phase::Connected
        {
            self.condemn(ConnectionError::too_slow(queue.limit + self.backlog.len()));
        }
    }

    /// Ends the connection for a reason that is not of the protocol.
    fn condemn(&mut self, error: ConnectionError) {
        self.verdict = Some(error);
        self.handle(Input::Stop);
    }
}

impl Drop for Driver {
    /// Whatever ends the driver, nobody waits for it in vain.
    fn drop(&mut self) {
        self.dispatcher.abort();
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Send(outgoing) = command {
                outgoing.whose.fail(SendError::Lost, &self.shared.calls);
            }
        }
        self.shared.calls.lose_all();
        let mut status = self.shared.status();
        (status.phase, status.offer, status.transport) = (Phase::Disconnected, None, None);
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn beat(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}
