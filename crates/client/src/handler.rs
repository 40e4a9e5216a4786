//! From the arguments of a call to the parameters of a function.

use serde::de::DeserializeOwned;

use crate::message::Message;

/// Why a function could not be called with the arguments that came.
///
/// # Examples
///
/// ```
/// use heliostat_client::{ArgumentsError, Message, Parameters};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let arguments: Vec<Message> = serde_json::from_str(r#"["ann", "three"]"#)?;
/// let read = <(String, u32)>::read("joined", &arguments);
/// assert!(matches!(read, Err(ArgumentsError::Argument { index: 1, .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentsError {
    /// One of them is of another type, or missing where the parameter is no `Option`.
    #[error("argument {index} of {method:?} is not of the parameter's type: {reason}")]
    Argument {
        /// The function, as the server calls it.
        method: Box<str>,
        /// Which argument, counted from 0.
        index: usize,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// The function took the call and failed.
    #[error("the handler of {method:?} failed: {reason}")]
    Failed {
        /// The function, as the server calls it.
        method: Box<str>,
        /// What it says.
        reason: Box<str>,
    },
}

/// Parameters: a tuple of up to twelve types that implement `Deserialize`.
///
/// There may be fewer than the server sends arguments. Those that are missing are `None` if they are `Option`s.
///
/// # Examples
///
/// ```
/// use heliostat_client::{Message, Parameters};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let arguments: Vec<Message> = serde_json::from_str(r#"["ann"]"#)?;
/// let (name, room) = <(String, Option<String>)>::read("joined", &arguments)?;
/// assert_eq!((name.as_str(), room), ("ann", None));
/// # Ok(())
/// # }
/// ```
pub trait Parameters: Sized + Send + 'static {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`ArgumentsError::Argument`].
    fn read(method: &str, arguments: &[Message]) -> Result<Self, ArgumentsError>;
}

/// A function that the server can call: a closure with up to twelve parameters that implement `Deserialize`.
///
/// It runs on the task of all handlers of its connection, one at a time, so it must not block.
///
/// # Examples
///
/// A handler is tried out without a server:
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use heliostat_client::{Handler, Message};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// static ONLINE: AtomicU32 = AtomicU32::new(0);
/// let counted = |online: u32| ONLINE.store(online, Ordering::Relaxed);
///
/// let arguments: Vec<Message> = serde_json::from_str("[3]")?;
/// counted.handle("counted", &arguments)?;
/// assert_eq!(ONLINE.load(Ordering::Relaxed), 3);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "this cannot handle calls of the server",
    label = "no handler",
    note = "a handler is a closure that takes up to twelve values that implement `Deserialize`, owned ones",
    note = "it returns nothing or a `Result<(), E>` whose error can be displayed, and what it captures is `Send`, `Sync` and `'static`"
)]
pub trait Handler<P>: Send + Sync + 'static {
    /// Calls it.
    ///
    /// # Errors
    ///
    /// [`ArgumentsError`] if the arguments are not for it, or if it fails.
    fn handle(&self, method: &str, arguments: &[Message]) -> Result<(), ArgumentsError>;
}

/// What a handler may return: nothing, or a result of nothing, whose error is told as
/// [`Event::Error`](crate::Event::Error).
///
/// # Examples
///
/// ```
/// use std::num::ParseIntError;
/// use heliostat_client::HubConnection;
///
/// fn paint(color: String) -> Result<(), ParseIntError> {
///     let color = u32::from_str_radix(&color, 16)?;
///     println!("painting in {color:06x}");
///     Ok(())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let connection = HubConnection::builder("https://example.com/signalr").build()?;
/// connection.hub("DrawingHub")?.on("paint", paint);
/// assert!(paint("blue".to_owned()).is_err());
/// # Ok(())
/// # }
/// ```
pub trait HandlerOutput {
    /// What went wrong, if something did.
    ///
    /// # Errors
    ///
    /// The text of the handler's own error.
    fn into_result(self) -> Result<(), Box<str>>;
}

impl HandlerOutput for () {
    fn into_result(self) -> Result<(), Box<str>> {
        Ok(())
    }
}

impl<E: std::fmt::Display> HandlerOutput for Result<(), E> {
    fn into_result(self) -> Result<(), Box<str>> {
        self.map_err(|error| error.to_string().into())
    }
}

/// One argument. What was not sent counts as null.
pub(crate) fn argument<T: DeserializeOwned>(
    method: &str,
    arguments: &[Message],
    index: usize,
) -> Result<T, ArgumentsError> {
    let json = arguments.get(index).map_or("null", Message::json);
    serde_json::from_str(json).map_err(|reason| ArgumentsError::Argument {
        method: method.into(),
        index,
        reason,
    })
}

macro_rules! parameters {
    ($($type:ident $index:literal)*) => {
        impl<$($type: DeserializeOwned + Send + 'static),*> Parameters for ($($type,)*) {
            #[expect(clippy::allow_attributes, reason = "only one of the lists is empty")]
            #[allow(unused_variables, clippy::unused_unit, reason = "an empty list reads nothing")]
            fn read(method: &str, arguments: &[Message]) -> Result<Self, ArgumentsError> {
                Ok(($(argument::<$type>(method, arguments, $index)?,)*))
            }
        }

        impl<Function, Output, $($type: DeserializeOwned + Send + 'static),*> Handler<($($type,)*)> for Function
        where
            Function: Fn($($type),*) -> Output + Send + Sync + 'static,
            Output: HandlerOutput,
        {
            fn handle(&self, method: &str, arguments: &[Message]) -> Result<(), ArgumentsError> {
                #[expect(clippy::allow_attributes, reason = "only one of the lists is empty")]
                #[allow(non_snake_case, reason = "the types' names name the values too")]
                let ($($type,)*) = <($($type,)*) as Parameters>::read(method, arguments)?;
                let result = self($($type),*).into_result();
                result.map_err(|reason| ArgumentsError::Failed { method: method.into(), reason })
            }
        }
    };
}

parameters!();
parameters!(A 0);
parameters!(A 0 B 1);
parameters!(A 0 B 1 C 2);
parameters!(A 0 B 1 C 2 D 3);
parameters!(A 0 B 1 C 2 D 3 E 4);
parameters!(A 0 B 1 C 2 D 3 E 4 F 5);
parameters!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
parameters!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
parameters!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
parameters!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
parameters!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
parameters!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn arguments(json: &str) -> Vec<Message> {
        let list: Vec<&serde_json::value::RawValue> = serde_json::from_str(json).unwrap();
        list.into_iter().map(Message::of).collect()
    }

    fn handle<P>(handler: &impl Handler<P>, json: &str) -> Result<(), String> {
        handler.handle("add", &arguments(json)).map_err(|error| error.to_string())
    }

    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn arguments_become_parameters_and_there_may_be_more_of_them() {
        let add = |name: String, number: u32, rest: Option<bool>| {
            SEEN.lock().unwrap().push(format!("{name} {number} {rest:?}"));
        };
        handle(&add, r#"["ann",3]"#).unwrap();
        handle(&add, r#"["bob",4,true,{"more":1}]"#).unwrap();
        assert_eq!(*SEEN.lock().unwrap(), ["ann 3 None", "bob 4 Some(true)"]);
        handle(&|| {}, "[1,2]").unwrap();
    }

    #[test]
    fn arguments_of_another_type_are_refused_by_their_place() {
        let error = handle(&|_: String, _: u32| {}, r#"["ann",-1]"#).unwrap_err();
        assert!(error.starts_with("argument 1 of \"add\" is not of the parameter's type"), "{error}");
        assert!(handle(&|_: String| {}, "[]").unwrap_err().starts_with("argument 0"));
    }

    #[test]
    fn a_handler_may_fail() {
        let error = handle(&|| Err::<(), _>("no room"), "[]").unwrap_err();
        assert_eq!(error, "the handler of \"add\" failed: no room");
    }
}
