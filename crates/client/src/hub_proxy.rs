//! One hub as its client sees it: call its methods, listen to its calls.

use std::fmt;
use std::sync::Arc;

use heliostat_proto::classic::HubCall;
use heliostat_proto::name::HubName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::audience::{OnCall, Wanted};
use crate::call::ClientCall;
use crate::caller_state::CallerState;
use crate::calls::{Answer, Call};
use crate::connection::{hand_over, send};
use crate::driver::Whose;
use crate::error::{InvokeError, SendError};
use crate::handler::{Handler, Parameters};
use crate::message::Message;
use crate::shared::Shared;
use crate::stream::{Listener, ROOM};
use crate::subscription::Subscription;

/// A hub. Clones are the same hub. It does not keep its connection alive: once that is dropped, calls are refused.
///
/// # Examples
///
/// A handler must not wait, so it answers in a task of its own:
///
/// ```
/// use heliostat_client::HubConnection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// let chat = connection.hub("ChatHub")?;
/// let answering = chat.clone();
/// chat.on("areYouThere", move || {
///     let chat = answering.clone();
///     tokio::spawn(async move { chat.send("iAmHere", ()).await });
/// });
/// assert_eq!(chat.name(), "ChatHub");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HubProxy {
    shared: Arc<Shared>,
    name: HubName,
    state: CallerState,
}

impl HubProxy {
    pub(crate) fn new(shared: Arc<Shared>, name: HubName) -> Self {
        let state = CallerState::new(shared.audience.hub(&name));
        Self { shared, name, state }
    }

    /// The name, as it was first asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The state that is shared with the hub.
    ///
    /// See [`CallerState`].
    #[must_use]
    pub fn state(&self) -> &CallerState {
        &self.state
    }

    /// Calls a method and waits for its result.
    ///
    /// Arguments are anything whose JSON is a list: a tuple, a slice, a `Vec`, or `()` for none. A method without a
    /// result gives `()`. Dropping the future forgets the call, which the server carries out all the same.
    ///
    /// # Errors
    ///
    /// [`InvokeError`] says whether the method was called at all, and what it said. It comes at the latest when the
    /// connection ends.
    pub async fn invoke<T: DeserializeOwned>(
        &self,
        method: &str,
        arguments: impl Serialize,
    ) -> Result<T, InvokeError> {
        self.invoke_with_progress(method, arguments, |_: Value| {}).await
    }

    /// Calls a method, and a function with each piece of news while it runs. What is no `P` is not told.
    ///
    /// # Errors
    ///
    /// As [`invoke`](Self::invoke).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(connection: heliostat_client::HubConnection) -> Result<(), Box<dyn std::error::Error>> {
    /// let reports = connection.hub("ReportHub")?;
    /// let path: String = reports
    ///     .invoke_with_progress("create", ("sales", 2013), |percent: u8| println!("{percent} %"))
    ///     .await?;
    /// println!("the report is at {path}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn invoke_with_progress<T: DeserializeOwned, P: DeserializeOwned>(
        &self,
        method: &str,
        arguments: impl Serialize,
        mut progress: impl FnMut(P),
    ) -> Result<T, InvokeError> {
        let mut call = self.shared.calls.begin(self.name());
        let text = self.write(call.id, method, &arguments)?;
        hand_over(&self.shared, text.into(), Whose::Call(call.id)).await?;
        let answer = wait(&mut call, |news| {
            if let Ok(news) = news.parse() {
                progress(news);
            }
        });
        let result = match self.shared.options.call_timeout {
            Some(limit) => timeout(limit, answer).await.unwrap_or(Err(InvokeError::Late))?,
            None => answer.await?,
        };
        // 7.3: nothing and null are the same result.
        let json = result.as_ref().map_or("null", Message::json);
        serde_json::from_str(json).map_err(|error| InvokeError::Result(Arc::new(error)))
    }

    /// Calls a method without waiting for its result. On webSockets this returns when the call is written, on the
    /// other transports when the server has carried it out.
    ///
    /// # Errors
    ///
    /// [`SendError`]. What the method makes of the call is not heard of.
    pub async fn send(&self, method: &str, arguments: impl Serialize) -> Result<(), SendError> {
        let text = self.write(self.shared.calls.next_id(), method, &arguments)?;
        send(&self.shared, text).await
    }

    /// Calls a handler when the server calls this function. Names compare without case, and several handlers may
    /// have the same one.
    ///
    /// The handler is a closure whose parameters implement `Deserialize`. It runs on the task of all handlers of this
    /// connection, so it must not block; [`listen`](Self::listen) is for what takes time.
    ///
    /// See [`Handler`].
    pub fn on<P, H: Handler<P>>(&self, method: &str, handler: H) -> Subscription {
        self.subscribe(
            Wanted::Method(method.into()),
            Arc::new(move |call| handler.handle(&call.method, &call.arguments).map(|()| None)),
        )
    }

    /// Calls a handler with every call of this hub, whatever the function.
    ///
    /// See [`ClientCall`].
    pub fn on_any(&self, handler: impl Fn(&ClientCall) + Send + Sync + 'static) -> Subscription {
        self.subscribe(
            Wanted::All,
            Arc::new(move |call| {
                handler(call);
                Ok(None)
            }),
        )
    }

    /// The arguments of all calls of this function from now on, for a task of the application.
    ///
    /// See [`Listener`].
    #[must_use]
    pub fn listen<T: Parameters>(&self, method: &str) -> Listener<T> {
        let (sender, receiver) = mpsc::channel(ROOM);
        let subscription = self.subscribe(
            Wanted::Method(method.into()),
            Arc::new(move |call| {
                let (sender, arguments) = (sender.clone(), T::read(&call.method, &call.arguments));
                // Who has dropped the stream wants nothing more.
                Ok(Some(Box::pin(async move { drop(sender.send(arguments).await) })))
            }),
        );
        Listener::new(receiver, subscription)
    }

    fn subscribe(&self, wanted: Wanted, listener: OnCall) -> Subscription {
        let id = self.shared.audience.on_call(&self.name, wanted, listener);
        Subscription::new(Arc::downgrade(&self.shared), id)
    }

    fn write(&self, id: u64, method: &str, arguments: &impl Serialize) -> Result<String, SendError> {
        let state: Map<String, Value> = self.state.all();
        let mut out = Vec::with_capacity(128);
        HubCall { id, hub: self.name.as_str(), method, arguments, state: Some(&state) }
            .encode(&mut out)
            .map_err(|error| SendError::Arguments(Arc::new(error)))?;
        Ok(String::from_utf8(out)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

/// News that came before the answer is told before it.
async fn wait(call: &mut Call<'_>, mut progress: impl FnMut(Message)) -> Answer {
    loop {
        tokio::select! {
            biased;
            Some(news) = call.progress.recv() => progress(news),
            answer = &mut call.answer => return answer.unwrap_or(Err(InvokeError::Lost)),
        }
    }
}

impl fmt::Debug for HubProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubProxy").field("name", &self.name.as_str()).finish_non_exhaustive()
    }
}
