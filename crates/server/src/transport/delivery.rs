//! What a transport connection says next: a batch from the bus as the bytes of one persistent response.
//!
//! The fast path is one message and nothing else to say: its frame is shared by all readers (see [`crate::encoded`]). Everything
//! else is built here: several messages in one response, `S`, `G` with the cursor that goes with it.

use std::{cell::Cell, collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use heliostat_bus::{Cursor, Delivery, Position, Resting, Start, Subscription, TopicName};
use heliostat_proto::{
    classic::{ResponseHead, encode_response},
    id::ConnectionId,
};

use super::{Framing, Link, Waiter, link::More, shared_batch::shared};
use crate::{
    ahead::Lines,
    encoded::{Acknowledge, Command, Encoded, Format, Outgoing},
    http::host::{Claim, Desk},
    lost::{LossCause, LostCount},
    metrics::Counter,
    protect::GroupsToken,
    server::Core,
};

/// Messages in one response of a streaming transport (CP-205 allows ten per topic).
const STREAMING_BATCH: usize = 10;
/// Messages in one answer to a poll (CP-153).
const POLL_BATCH: usize = 5000;
/// A batch buffer that grew beyond this is given back when it is empty.
const KEEP_BATCH: usize = 64;

type Batch = Vec<Delivery<Arc<Outgoing>>>;

thread_local! {
    /// Where batches are put together; one for all readers of a thread, taken out while it is in use.
    static BATCH: Cell<Batch> = const { Cell::new(Vec::new()) };
}

/// What a receive request says of its reader, besides topics and place.
#[derive(Debug)]
pub(crate) struct ReaderSeed {
    pub(crate) connection: ConnectionId,
    pub(crate) framing: Framing,
    /// Verified and filtered: what the client's groups token is worth.
    pub(crate) groups: GroupsRead,
    pub(crate) initializes: Initializes,
}

/// One transport connection's place in the log, and what it still has to say about itself.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: ConnectionId,
    subscription: Subscription<Arc<Outgoing>, Waiter>,
    framing: Framing,
    groups: GroupsRead,
    initializes: Initializes,
    news: News,
    /// Whether the next batch may tell of losses that nobody counted.
    hindsight: Hindsight,
    /// The place that its last response named.
    told: Position,
}

/// A reader whose client is away, be it only between two polls: it keeps its topics and its place. The next poll takes it up, if it goes on
/// exactly there.
#[derive(Debug)]
pub(crate) struct AtRest {
    place: Place,
    hindsight: Hindsight,
    told: Position,
}

/// Where publishers find a reader whose client is away.
#[derive(Debug)]
enum Place {
    /// Nowhere.
    Nowhere(Resting<Arc<Outgoing>, Waiter>),
    /// At the desk where its client's next poll is expected.
    Desk(Subscription<Arc<Outgoing>, Waiter>),
}

/// The groups that a reader reads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GroupsRead {
    /// What makes their names topics.
    pub(crate) prefix: &'static str,
    /// Qualified names, as the groups token lists them.
    pub(crate) names: BTreeSet<String>,
}

/// Whether the init command concerns this request: on `/reconnect` and `/poll` it is somebody else's (CP-101).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initializes {
    Yes,
    No,
}

/// What a response says about the end of its transport connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastWord<'a> {
    Nothing,
    /// The client is to reconnect.
    Reconnect,
    /// The client is to stop, for this reason.
    Stop(&'a str),
}

/// How exactly a loss is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hindsight {
    /// The reader was there all along.
    Clear,
    /// It was there, but its client was between two polls.
    Rested,
    /// It begins, or began to read a topic, at an older place than where the topic begins.
    Blurred,
}

/// What commands have added to the next response.
#[derive(Debug, Default)]
struct News {
    initialized: Option<()>,
    groups: Option<()>,
}

impl News {
    const fn is_empty(&self) -> bool {
        self.initialized.is_none() && self.groups.is_none()
    }
}

impl GroupsRead {
    /// The topics of the groups.
    pub(crate) fn topics(&self) -> impl Iterator<Item = TopicName> {
        self.names.iter().map(|name| self.topic(name))
    }

    fn topic(&self, name: &str) -> TopicName {
        TopicName::from(format!("{}{name}", self.prefix))
    }
}

impl AtRest {
    /// Whether a reader of these topics, and no others but of so many groups, would begin just where this one is.
    pub(crate) fn goes_on_at(&self, start: Start, topics: &[TopicName], groups: usize) -> bool {
        fn reads<'a>(
            own: impl ExactSizeIterator<Item = &'a TopicName>,
            topics: &[TopicName],
            groups: usize,
        ) -> bool {
            own.len() == topics.len() + groups && own.take(topics.len()).eq(topics)
        }
        start == Start::After(self.told)
            && match &self.place {
                Place::Nowhere(resting) => reads(resting.topics(), topics, groups),
                Place::Desk(subscription) => reads(subscription.topics(), topics, groups),
            }
    }

    /// Nobody will take it up, nor ask for the topic that the connection had for itself.
    pub(crate) fn retire(self, own: &TopicName) {
        match self.place {
            Place::Nowhere(resting) => resting.retire(own.as_str()),
            Place::Desk(subscription) => subscription.retire(own.as_str()),
        }
    }
}

/// Where nobody sits.
fn at_another_desk(resting: Resting<Arc<Outgoing>, Waiter>) -> (Subscription<Arc<Outgoing>, Waiter>, Claim) {
    let claim = Desk::claimed();
    (resting.resume(Waiter::Desk(Arc::clone(claim.desk()))), claim)
}

impl Reader {
    pub(crate) fn new(seed: ReaderSeed, subscription: Subscription<Arc<Outgoing>, Waiter>) -> Self {
        Self {
            connection: seed.connection,
            told: subscription.position(),
            subscription,
            framing: seed.framing,
            groups: seed.groups,
            initializes: seed.initializes,
            news: News::default(),
            hindsight: Hindsight::Blurred,
        }
    }

    /// The reader of the poll before, for the client that has got its answer, and where this poll is answered: at the desk where publishers
    /// look for it already, unless somebody else sits there. Its groups are those of the seed.
    pub(crate) fn resume(seed: ReaderSeed, rest: AtRest) -> (Self, Claim) {
        let AtRest { place, hindsight, told } = rest;
        let hindsight = match hindsight {
            Hindsight::Clear | Hindsight::Rested => Hindsight::Rested,
            Hindsight::Blurred => Hindsight::Blurred,
        };
        let (subscription, claim) = match place {
            Place::Desk(subscription) => match subscription.handle().claim() {
                Some(claim) => (subscription, claim),
                None => at_another_desk(subscription.rest()),
            },
            Place::Nowhere(resting) => at_another_desk(resting),
        };
        (Self { hindsight, told, ..Self::new(seed, subscription) }, claim)
    }

    /// Its client is away and may come back.
    pub(crate) fn rest(self) -> AtRest {
        let Self { subscription, hindsight, told, .. } = self;
        AtRest { place: Place::Nowhere(subscription.rest()), hindsight, told }
    }

    /// Its client has its answer, and mostly polls again at once.
    pub(crate) fn wait(self) -> AtRest {
        let Self { subscription, hindsight, told, .. } = self;
        AtRest { place: Place::Desk(subscription), hindsight, told }
    }

    /// It ends, and nobody will ask for the topic that the connection had for itself.
    pub(crate) fn retire(self, own: &TopicName) {
        self.subscription.retire(own.as_str());
    }

    /// Where its topics lie.
    pub(crate) fn topic_lines(&self) -> impl Iterator<Item = Lines> {
        self.subscription.places().map(|(address, bytes)| Lines::at(address, bytes))
    }

    /// Everything up to here has been taken.
    pub(crate) fn position(&self) -> Position {
        self.subscription.position()
    }

    pub(crate) const fn framing(&self) -> &Framing {
        &self.framing
    }

    pub(crate) fn framing_mut(&mut self) -> &mut Framing {
        &mut self.framing
    }

    pub(crate) const fn groups(&self) -> &GroupsRead {
        &self.groups
    }

    /// How many messages it may have to take at most until it is at the head.
    pub(crate) fn lag(&self, head: Position) -> u64 {
        // A reader that has nothing to read does not move: its place says nothing then.
        if !self.subscription.has_news() {
            return 0;
        }
        head.get().saturating_sub(self.subscription.position().get())
    }

    /// What it read, when it ends.
    pub(crate) fn take_groups(&mut self) -> GroupsRead {
        GroupsRead { prefix: self.groups.prefix, names: std::mem::take(&mut self.groups.names) }
    }

    /// The next response with something in it, framed; `None` when all has been said. Says when there is no `more` behind it.
    pub(crate) fn next(&mut self, link: &Link, more: &mut More) -> Option<Bytes> {
        let limit = match self.framing {
            Framing::LongPolling | Framing::Jsonp(_) => POLL_BATCH,
            Framing::WebSocket
            | Framing::EventStream
            | Framing::EventStreamChunks
            | Framing::ForeverFrame(_)
            | Framing::ForeverFrameChunks => STREAMING_BATCH,
        };
        let mut batch = BATCH.take();
        loop {
            let taken = self.subscription.take(limit, &mut batch);
            let hindsight = std::mem::replace(&mut self.hindsight, Hindsight::Clear);
            if taken.lost > 0 {
                link.record.lost(&link.core, self.loss(hindsight, taken.lost));
            }
            let response = self.respond(link, &batch);
            batch.clear();
            if response.is_some() || !taken.more {
                if batch.capacity() <= KEEP_BATCH {
                    BATCH.set(batch);
                }
                if !taken.more {
                    *more = More::No;
                }
                return response;
            }
        }
    }

    /// A response with no messages: the answer to a poll that ends, or a stream's last word.
    pub(crate) fn last(&mut self, core: &Core, word: LastWord<'_>) -> Bytes {
        self.told = self.subscription.position();
        self.build(core, self.told, word, &[])
    }

    fn loss(&self, hindsight: Hindsight, count: u64) -> (LossCause, LostCount) {
        match hindsight {
            Hindsight::Clear => (LossCause::TooSlow, LostCount::Exactly(count)),
            Hindsight::Rested => (LossCause::TooLongAway, LostCount::Exactly(count)),
            Hindsight::Blurred => (LossCause::TooLongAway, LostCount::AtLeast(count)),
        }
    }

    fn respond(&mut self, link: &Link, batch: &Batch) -> Option<Bytes> {
        let last = batch.last()?;
        let core = &*link.core;
        core.counters.add(Counter::MessageBusMessagesReceivedTotal, batch.len() as u64);
        // Nearly always.
        if batch.len() == 1
            && self.news.is_empty()
            && let Outgoing::Message(message) = &*last.payload
        {
            return self.is_for_us(message, link).then(|| {
                core.counters.increment(Counter::ConnectionMessagesReceivedTotal);
                self.told = last.position;
                self.single(core, last.position, message)
            });
        }
        let acknowledge = match &*last.payload {
            Outgoing::Command(command) => self.carry_out(command),
            Outgoing::Message(_) => None,
        };
        let mine = |delivery: &&Delivery<Arc<Outgoing>>| match &*delivery.payload {
            Outgoing::Message(message) => self.is_for_us(message, link),
            Outgoing::Command(_) => false,
        };
        let count = batch.iter().filter(mine).count();
        core.counters.add(Counter::ConnectionMessagesReceivedTotal, count as u64);
        let response = match (count, self.shared_format(core)) {
            (0, _) if self.news.is_empty() => None,
            (count, Some(format)) if count == batch.len() && self.news.is_empty() => {
                Some(shared(format, batch, || self.several(link, batch, last.position)))
            }
            _ => Some(self.several(link, batch, last.position)),
        };
        if response.is_some() {
            self.told = last.position;
        }
        // Only now has the change taken effect *and* found its way into a response.
        if let Some(acknowledge) = acknowledge {
            _ = acknowledge.try_send(());
        }
        response
    }

    fn is_for_us(&self, message: &Encoded, link: &Link) -> bool {
        message.is_for(self.connection, |hub| link.admission.hears(hub))
    }

    fn several(&mut self, link: &Link, batch: &Batch, at: Position) -> Bytes {
        let messages: Vec<&Encoded> = batch
            .iter()
            .filter_map(|delivery| match &*delivery.payload {
                Outgoing::Message(message) if self.is_for_us(message, link) => Some(message),
                Outgoing::Message(_) | Outgoing::Command(_) => None,
            })
            .collect();
        self.build(&link.core, at, LastWord::Nothing, &messages)
    }

    /// Under which format a response is shared with others, unless it says something of its own.
    fn shared_format(&self, core: &Core) -> Option<Format> {
        self.framing.shared_format().filter(|_| self.long_poll_delay(core).is_none())
    }

    fn long_poll_delay(&self, core: &Core) -> Option<Duration> {
        match self.framing {
            Framing::LongPolling | Framing::Jsonp(_) => {
                Some(core.timeouts.long_poll_delay()).filter(|delay| !delay.is_zero())
            }
            Framing::WebSocket
            | Framing::EventStream
            | Framing::EventStreamChunks
            | Framing::ForeverFrame(_)
            | Framing::ForeverFrameChunks => None,
        }
    }

    fn carry_out(&mut self, command: &Command) -> Option<Acknowledge> {
        match command {
            Command::Initialize => {
                if self.initializes == Initializes::Yes {
                    self.news.initialized = Some(());
                }
                None
            }
            Command::AddToGroup { group, acknowledge } => {
                if self.groups.names.insert(group.clone()) {
                    self.subscription.add(self.groups.topic(group));
                    self.hindsight = Hindsight::Blurred;
                    self.news.groups = Some(());
                }
                Some(acknowledge.clone())
            }
            Command::RemoveFromGroup { group, acknowledge } => {
                if self.groups.names.remove(group) {
                    self.subscription.remove(&format!("{}{group}", self.groups.prefix));
                    self.news.groups = Some(());
                }
                Some(acknowledge.clone())
            }
        }
    }

    /// One message and nothing else: the same bytes for everyone on this transport.
    fn single(&self, core: &Core, at: Position, message: &Encoded) -> Bytes {
        let build = || {
            let mut json = Vec::with_capacity(message.json().len() + 48);
            let cursor = cursor(core, at);
            encode_response(&mut json, &self.head(core, &cursor), std::iter::once(message.json()));
            Bytes::from(self.framing.framed(json))
        };
        match self.shared_format(core) {
            Some(format) => message.frame(format, build),
            None => build(),
        }
    }

    fn build(&mut self, core: &Core, at: Position, word: LastWord<'_>, messages: &[&Encoded]) -> Bytes {
        let cursor = cursor(core, at);
        let news = std::mem::take(&mut self.news);
        let token = news.groups.and_then(|()| {
            GroupsToken::seal(&core.protector, self.connection, self.groups.names.iter().map(String::as_str))
        });
        let mut head = self.head(core, &cursor);
        if news.initialized.is_some() {
            head = head.initialized();
        }
        if let Some(token) = &token {
            head = head.groups_token(token);
        }
        let size = messages.iter().map(|message| message.json().len() + 1).sum::<usize>();
        let mut json = Vec::with_capacity(size + 64);
        head = match word {
            LastWord::Nothing => head,
            LastWord::Reconnect => head.reconnect(),
            LastWord::Stop(text) => head.stop(text),
        };
        encode_response(&mut json, &head, messages.iter().map(|message| message.json()));
        Bytes::from(self.framing.framed(json))
    }

    fn head<'a>(&self, core: &Core, cursor: &'a str) -> ResponseHead<'a> {
        let head = ResponseHead::new(cursor);
        match self.long_poll_delay(core) {
            Some(delay) => head.long_poll_delay(delay),
            None => head,
        }
    }
}

fn cursor(core: &Core, position: Position) -> String {
    let mut text = String::with_capacity(Cursor::MAX_LEN);
    core.bus.cursor(position).write_to(&mut text);
    text
}
