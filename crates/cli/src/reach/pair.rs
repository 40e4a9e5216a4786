//! Names with values, as they are typed: `room=7` for queries, `X-Key: secret` for headers.

use std::str::FromStr;

use http::{HeaderName, HeaderValue};

/// One parameter of a query string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// One header that HTTP can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

/// Why a text is not a name with a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PairError {
    #[error("write it as {0}")]
    NoSeparator(&'static str),
    #[error("'{0}' cannot be the name of a header")]
    Name(String),
    #[error("the value of '{0}' has characters that a header cannot carry")]
    Value(String),
}

impl FromStr for Pair {
    type Err = PairError;

    fn from_str(text: &str) -> Result<Self, PairError> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(PairError::NoSeparator("name=value")),
        }
    }
}

impl FromStr for Header {
    type Err = PairError;

    fn from_str(text: &str) -> Result<Self, PairError> {
        let (name, value) = text.split_once(':').ok_or(PairError::NoSeparator("'Name: value'"))?;
        let value = value.trim();
        Ok(Self {
            name: name.trim().parse().map_err(|_| PairError::Name(name.to_owned()))?,
            value: value.parse().map_err(|_| PairError::Value(name.to_owned()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_ends_its_name_at_the_first_equals_sign() {
        let pair: Pair = "a=b=c".parse().unwrap();
        assert_eq!((pair.name.as_str(), pair.value.as_str()), ("a", "b=c"));
        assert!("=b".parse::<Pair>().is_err() && "a".parse::<Pair>().is_err());
    }

    #[test]
    fn a_header_is_checked_where_it_is_typed() {
        let header: Header = "X-Key:  secret: 1 ".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.to_str().unwrap()), ("x-key", "secret: 1"));
        assert!(matches!("a b: c".parse::<Header>(), Err(PairError::Name(_))));
        assert!(matches!("a: \n".parse::<Header>().map(|header| header.value.is_empty()), Ok(true)));
        assert!(matches!("a: b\u{7f}".parse::<Header>(), Err(PairError::Value(_))));
        assert!(matches!("nothing".parse::<Header>(), Err(PairError::NoSeparator(_))));
    }
}
