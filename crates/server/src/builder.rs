//! Puts a server together and refuses what does not fit, before anything runs.

use std::{
    any::{TypeId, type_name},
    fmt,
    sync::{Arc, OnceLock},
};

use heliostat_bus::{Bus, Epoch, Limits};
use heliostat_proto::{
    connection::{Timeouts, TimeoutsError},
    name::UserId,
};

use crate::{
    application::Application,
    connection::{HeartbeatTask, Registry},
    encoded::{Command, Outgoing},
    endpoint::EndpointOptions,
    http::{request::Request, scripts::Scripts},
    hub::{Authorize, Hub, HubApplication, HubRegistry, HubRegistryError, PipelineModule},
    inspection::Clock,
    lost::{AfterLoss, LossHook, Lost},
    metrics::Counters,
    persistent_connection::{PersistentApplication, PersistentConnection},
    protect::{KeyRing, KeyRingError, Protector},
    server::{Core, Endpoint, Flag, Mapped, Server, UserIds},
    settings::Settings,
    user,
};

/// The path of the hubs where none is given (spec 2.1).
const DEFAULT_PATH: &str = "/signalr";

/// Collects the parts of a [`Server`].
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use heliostat::{EndpointOptions, Server, Timeouts};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder()
///     .timeouts(Timeouts::new(Duration::from_secs(60))?)
///     .map_hubs("/realtime", EndpointOptions::default())
///     .build()?;
/// assert_eq!(server.mapped_paths().collect::<Vec<_>>(), ["/realtime"]);
/// # Ok(()) }
/// ```
#[must_use = "nothing runs before `build`"]
pub struct ServerBuilder {
    timeouts: Timeouts,
    settings: Settings,
    keys: Option<KeyRing>,
    hubs: HubRegistry,
    user_ids: UserIds,
    on_lost: Option<LossHook>,
    mappings: Vec<Mapping>,
    /// The first thing that went wrong; reported by `build`.
    error: Option<BuildError>,
}

struct Mapping {
    path: String,
    options: EndpointOptions,
    target: Target,
}

enum Target {
    Hubs,
    Persistent { application: Arc<dyn Application>, type_id: TypeId, name: &'static str },
}

/// Why there is no server.
///
/// # Examples
/// ```
/// use heliostat::{BuildError, EndpointOptions, Server};
///
/// let chat = Server::builder().map_hubs("/chat", EndpointOptions::default());
/// let refused = chat.map_hubs("/Chat/", EndpointOptions::default()).build();
/// assert!(matches!(refused, Err(BuildError::PathTaken { path }) if path == "/Chat"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The key ring could not be made.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
    /// The hubs do not fit together.
    #[error(transparent)]
    Hubs(#[from] HubRegistryError),
    /// The timeouts do not fit together.
    #[error(transparent)]
    Timeouts(#[from] TimeoutsError),
    /// The operating system gave no random numbers for the log's epoch.
    #[error("the operating system gave no random numbers: {0}")]
    NoRandomness(getrandom::Error),
    /// Paths start with a slash.
    #[error("the path '{path}' does not start with a slash; write '/{path}'")]
    RelativePath {
        /// The path as it was given.
        path: String,
    },
    /// A path has one endpoint.
    #[error("two endpoints are mapped at '{path}'; give one of them another path")]
    PathTaken {
        /// The path.
        path: String,
    },
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            settings: Settings::default(),
            keys: None,
            hubs: HubRegistry::default(),
            user_ids: Box::new(|request| user::default_user_id(request.user())),
            on_lost: None,
            mappings: Vec::new(),
            error: None,
        }
    }
}

impl ServerBuilder {
    /// How long to wait for what (spec 9.1).
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Everything else that holds for the whole server.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The keys that protect tokens. Without this call a random key is used that ends with the process: a restart then cuts
    /// clients off. See [`KeyRing::in_folder`].
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Adds a hub. Every hubs endpoint serves all hubs.
    pub fn hub(mut self, hub: impl Hub) -> Self {
        if let Err(error) = self.hubs.add(hub) {
            self.note(error.into());
        }
        self
    }

    /// Adds a pipeline module around everything that hubs do. The first one added is the outermost.
    pub fn module(mut self, module: impl PipelineModule) -> Self {
        self.hubs.add_module(module);
        self
    }

    /// Adds a rule that every hub and every call must pass.
    pub fn authorize(mut self, rule: impl Authorize) -> Self {
        self.hubs.add_authorizer(rule);
        self
    }

    /// How a request becomes the user id that `clients.user(..)` addresses. Default: the user's name.
    ///
    /// # Examples
    /// ```
    /// use heliostat::{Server, UserId};
    ///
    /// // The directory does not mind the case of a name, but user ids do.
    /// let builder = Server::builder().user_id(|request| {
    ///     let user = request.user()?;
    ///     UserId::parse(&user.name().to_lowercase()).ok()
    /// });
    /// ```
    pub fn user_id(mut self, provider: impl Fn(&Request) -> Option<UserId> + Send + Sync + 'static) -> Self {
        self.user_ids = Box::new(provider);
        self
    }

    /// Tells the application that a client missed messages although it came back in time, and asks what becomes of its connection.
    ///
    /// `hook` runs between the connection's lifetime handlers, never beside one and never after `disconnected`, and outside of all locks. It
    /// must not block. Losses that come faster than it runs are told together. Without a hook everyone goes on, and
    /// the metric *Messages Lost Total* counts.
    ///
    /// # Examples
    /// ```
    /// use heliostat::{AfterLoss, LossCause, Server};
    ///
    /// let builder = Server::builder().on_lost(|lost| match lost.cause {
    ///     // Its pages load everything again when they reconnect to another server.
    ///     LossCause::OtherLog => AfterLoss::GoOn,
    ///     _ => AfterLoss::Disconnect,
    /// });
    /// ```
    pub fn on_lost(mut self, hook: impl Fn(&Lost) -> AfterLoss + Send + Sync + 'static) -> Self {
        self.on_lost = Some(LossHook::new(hook));
        self
    }

    /// Maps all hubs at a path. Without any mapping they are at `/signalr`.
    pub fn map_hubs(mut self, path: impl Into<String>, options: EndpointOptions) -> Self {
        self.mappings.push(Mapping { path: path.into(), options, target: Target::Hubs });
        self
    }

    /// Maps a persistent connection type at a path.
    pub fn map<C: PersistentConnection>(
        mut self,
        path: impl Into<String>,
        connection: C,
        options: EndpointOptions,
    ) -> Self {
        let application = Arc::new(PersistentApplication::new(connection));
        let target = Target::Persistent { application, type_id: TypeId::of::<C>(), name: type_name::<C>() };
        self.mappings.push(Mapping { path: path.into(), options, target });
        self
    }

    /// Checks everything and makes the server.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn build(self) -> Result<Server, BuildError> {
        let epoch = Epoch::new(getrandom::u32().map_err(BuildError::NoRandomness)?);
        self.build_for_log(epoch)
    }

    /// The same for a log of this name, which is good for one server only.
    pub(crate) fn build_for_log(mut self, epoch: Epoch) -> Result<Server, BuildError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.mappings.is_empty() {
            self = self.map_hubs(DEFAULT_PATH, EndpointOptions::default());
        }
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => KeyRing::random()?,
        };
        let hubs = Arc::new(self.hubs);
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for mapping in self.mappings {
            let endpoint = mapping.into_endpoint(&hubs)?;
            if endpoints.iter().any(|other| other.path.eq_ignore_ascii_case(&endpoint.path)) {
                return Err(BuildError::PathTaken { path: endpoint.path.to_string() });
            }
            endpoints.push(endpoint);
        }
        // The longest path first, so that `/signalr2/test` is not taken for something below `/signalr2`.
        endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.path.len()));
        let buffer = &self.settings.message_buffer;
        let limits = Limits {
            topic_messages: buffer.messages,
            topic_bytes: buffer.topic_bytes,
            total_bytes: buffer.total_bytes,
            ..Limits::default()
        };
        let started = tokio::time::Instant::now().into_std();
        let core = Core {
            timeouts: Arc::new(self.timeouts.with_long_poll_delay(self.settings.long_poll_delay)?),
            protector: Protector::new(&keys),
            bus: Bus::new(epoch, limits),
            registry: Registry::default(),
            heartbeat: Arc::new(HeartbeatTask::default()),
            started,
            clock: Clock::new(started),
            counters: Counters::default(),
            user_ids: self.user_ids,
            on_lost: self.on_lost,
            initialize: Arc::new(Outgoing::Command(Command::Initialize)),
            paths: endpoints.iter().map(|endpoint| endpoint.path.clone()).collect(),
            draining: Flag::default(),
            stopping: Flag::default(),
            runtime: OnceLock::new(),
            settings: self.settings,
        };
        let mapped = Mapped { hubs, endpoints: endpoints.into() };
        Ok(Server { core: Arc::new(core), mapped: Arc::new(mapped) })
    }

    fn note(&mut self, error: BuildError) {
        self.error.get_or_insert(error);
    }
}

impl Mapping {
    fn into_endpoint(self, hubs: &Arc<HubRegistry>) -> Result<Endpoint, BuildError> {
        if !self.path.starts_with('/') {
            return Err(BuildError::RelativePath { path: self.path });
        }
        let (application, persistent): (Arc<dyn Application>, _) = match self.target {
            Target::Hubs => (Arc::new(HubApplication::new(Arc::clone(hubs), &self.options)), None),
            Target::Persistent { application, type_id, name } => (application, Some((type_id, name))),
        };
        let path = self.path.trim_end_matches('/').into();
        Ok(Endpoint { path, application, options: self.options, scripts: Scripts::default(), persistent })
    }
}
