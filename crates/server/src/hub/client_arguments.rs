//! What can be sent to a client as the arguments of a call: always a JSON array, made once per send.

use serde::{Serialize, Serializer, ser::SerializeTuple};

/// The arguments of a call to clients: a tuple, an array, a slice, a `Vec`, or `()` for none.
///
/// A single argument is a tuple with one member: `("hello",)`.
///
/// # Examples
/// ```
/// # fn f(target: heliostat::Target) -> Result<(), heliostat::SendError> {
/// target.invoke("clear", ())?;
/// target.invoke("message", ("hello",))?;
/// target.invoke("addMessage", ("ann", 7))?;
/// target.invoke("points", [1, 2, 3])?;
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of arguments for a client",
    label = "a tuple, an array, a `Vec` or `()` was expected here",
    note = "a single argument is a tuple with one member: `(value,)`; every member must implement `serde::Serialize`"
)]
pub trait Arguments {
    /// Writes the arguments as one JSON array.
    ///
    /// # Errors
    /// What the serializer says: one of the arguments cannot be written as JSON.
    fn serialize_arguments<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// Lets anything that takes a [`Serialize`] write arguments.
#[derive(Debug)]
pub(crate) struct AsArray<'a, A: ?Sized>(pub(crate) &'a A);

impl<A: Arguments + ?Sized> Serialize for AsArray<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_arguments(serializer)
    }
}

/// Serde writes `()` as null, and a call without arguments has an empty array (spec 7.5).
impl Arguments for () {
    fn serialize_arguments<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_tuple(0)?.end()
    }
}

impl<T: Serialize> Arguments for [T] {
    fn serialize_arguments<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<T: Serialize, const N: usize> Arguments for [T; N] {
    fn serialize_arguments<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<T: Serialize> Arguments for Vec<T> {
    fn serialize_arguments<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<A: Arguments + ?Sized> Arguments for &A {
    fn serialize_arguments<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize_arguments(serializer)
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: Serialize),+> Arguments for ($($name,)+) {
            fn serialize_arguments<Ser: Serializer>(&self, serializer: Ser) -> Result<Ser::Ok, Ser::Error> {
                self.serialize(serializer)
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

#[cfg(test)]
mod tests {
    use super::*;

    fn json(arguments: impl Arguments) -> String {
        serde_json::to_string(&AsArray(&arguments)).unwrap()
    }

    #[test]
    fn cp_173_arguments_are_always_an_array() {
        assert_eq!(json(()), "[]");
        assert_eq!(json(("x",)), r#"["x"]"#);
        assert_eq!(json(("x", 7, [1, 2], Option::<u8>::None, true)), r#"["x",7,[1,2],null,true]"#);
        assert_eq!(json([1, 2]), "[1,2]");
        assert_eq!(json(vec!["a"]), r#"["a"]"#);
        assert_eq!(json(&[1.5][..]), "[1.5]");
    }
}
