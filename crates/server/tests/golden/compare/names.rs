//! Connection ids by the order in which they were handed out, since the ids themselves are random.

use crate::{
    purpose::Identity,
    recording::{Exchange, Recording},
    replay::Replayed,
};

#[derive(Debug)]
pub(crate) struct Names {
    expected: Vec<(String, String)>,
    actual: Vec<(String, String)>,
}

impl Names {
    pub(super) fn of(recording: &Recording, replayed: &Replayed) -> Self {
        let mut names = Self { expected: Vec::new(), actual: Vec::new() };
        for (index, expected) in recording.exchanges.iter().enumerate() {
            let name = format!("<id{}>", names.expected.len() + 1);
            let Some(identity) = Identity::of(expected) else { continue };
            names.expected.push((identity.id, name.clone()));
            let actual = replayed.exchanges[index].first().and_then(|actual: &Exchange| Identity::of(actual));
            names.actual.extend(actual.map(|identity| (identity.id, name)));
        }
        names
    }

    /// A recorded text with names in place of ids.
    pub(super) fn expected(&self, text: &str) -> String {
        Self::put(&self.expected, text)
    }

    /// A replayed text with names in place of ids.
    pub(super) fn actual(&self, text: &str) -> String {
        Self::put(&self.actual, text)
    }

    fn put(names: &[(String, String)], text: &str) -> String {
        names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }
}
