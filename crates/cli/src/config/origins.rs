//! Which web pages may talk to this server: lists of *origins*, the scheme, host and port of a page.

use std::fmt::{Display, Formatter, Result as Written};
use std::str::FromStr;

/// One page origin, for example `https://www.example.com`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(String);

/// Whose pages may read answers across origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CrossOrigin {
    Off,
    Any,
    Only(Vec<Origin>),
}

/// Whose pages may send requests at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedOrigins {
    Any,
    Only(Vec<Origin>),
}

/// Why a text is not a list of origins.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OriginError {
    #[error("{0:?} is not an origin: it needs a scheme; write \"https://{0}\"")]
    NoScheme(String),
    #[error("{0:?} is not an origin: it has no path; write \"{1}\"")]
    Path(String, String),
    #[error(
        "{0:?} is not an origin; write for example \"https://www.example.com\" or \"http://localhost:8080\""
    )]
    Malformed(String),
    #[error("the list is empty")]
    Empty,
}

impl Origin {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            let plain = !text.is_empty() && !text.contains(char::is_whitespace) && text != "*";
            return Err(if plain {
                OriginError::NoScheme(text.into())
            } else {
                OriginError::Malformed(text.into())
            });
        };
        if let Some((host, _)) = rest.split_once('/') {
            return Err(OriginError::Path(text.to_owned(), format!("{scheme}://{host}")));
        }
        let malformed = |c: char| c.is_whitespace() || c.is_control() || "?#@*\"'".contains(c);
        if scheme.is_empty() || rest.is_empty() || text.contains(malformed) {
            return Err(OriginError::Malformed(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

fn list(text: &str) -> Result<Vec<Origin>, OriginError> {
    if text.trim().is_empty() {
        return Err(OriginError::Empty);
    }
    text.split(',').map(str::parse).collect()
}

fn write_list(origins: &[Origin], formatter: &mut Formatter<'_>) -> Written {
    for (index, origin) in origins.iter().enumerate() {
        formatter.write_str(if index == 0 { "" } else { "," })?;
        formatter.write_str(&origin.0)?;
    }
    Ok(())
}

impl FromStr for CrossOrigin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        match text.trim() {
            "off" | "false" => Ok(Self::Off),
            "any" => Ok(Self::Any),
            other => list(other).map(Self::Only),
        }
    }
}

impl Display for CrossOrigin {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        match self {
            Self::Off => formatter.write_str("off"),
            Self::Any => formatter.write_str("any"),
            Self::Only(origins) => write_list(origins, formatter),
        }
    }
}

impl FromStr for AllowedOrigins {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.trim() == "any" { Ok(Self::Any) } else { list(text).map(Self::Only) }
    }
}

impl Display for AllowedOrigins {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Written {
        match self {
            Self::Any => formatter.write_str("any"),
            Self::Only(origins) => write_list(origins, formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_lists_or_words() {
        let list = "https://a.example,http://localhost:8080";
        assert_eq!(list.parse::<CrossOrigin>().unwrap().to_string(), list);
        assert_eq!(" https://A.example ".parse::<AllowedOrigins>().unwrap().to_string(), "https://a.example");
        assert_eq!("any".parse::<AllowedOrigins>(), Ok(AllowedOrigins::Any));
        assert_eq!("off".parse::<CrossOrigin>(), Ok(CrossOrigin::Off));
    }

    #[test]
    fn what_is_wrong_with_an_origin_is_named() {
        let refusal = |text: &str| text.parse::<CrossOrigin>().unwrap_err().to_string();
        assert!(refusal("a.example").contains("\"https://a.example\""));
        assert!(refusal("https://a.example/").contains("no path; write \"https://a.example\""));
        assert!(refusal("*").contains("not an origin"));
        assert!(refusal("https://").contains("not an origin"));
        assert!(refusal("").contains("empty"));
    }
}
