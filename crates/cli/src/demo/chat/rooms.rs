//! Who is in which room, and under which name.
//!
//! Invariant: a room exists while somebody is in it, and `rooms` and the rooms of each person say the same.

use std::collections::{BTreeSet, HashMap};

use heliostat::ConnectionId;

/// Longer names and messages are no use to the others in the room.
const MAX_NAME: usize = 40;
const MAX_TEXT: usize = 2_000;

/// A page shows one room; a script that joins more than this is not chatting.
const MAX_ROOMS_EACH: usize = 20;

/// What the process keeps in mind for a demo.
const MAX_PEOPLE: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct Rooms {
    people: HashMap<ConnectionId, Person>,
    rooms: HashMap<String, BTreeSet<ConnectionId>>,
}

#[derive(Debug)]
struct Person {
    name: String,
    rooms: BTreeSet<String>,
}

/// How somebody came into a room, and under which name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    New(String),
    Again(String),
}

/// A name that was changed, and the rooms that should hear of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) rooms: Vec<String>,
}

/// Why something was not done, in words for the person who asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("a {0} needs at least one visible character")]
    Empty(&'static str),
    #[error("a {0} has at most {1} characters")]
    TooLong(&'static str, usize),
    #[error("you are not in the room {0:?}; join it first")]
    NotThere(String),
    #[error("you are in {MAX_ROOMS_EACH} rooms already; leave one first")]
    TooManyRooms,
    #[error("all places are taken; come back later")]
    Full,
}

/// Text from people, without what surrounds it and without control characters.
fn clean(what: &'static str, text: &str, most: usize) -> Result<String, Refused> {
    let text: String = text.trim().chars().filter(|c| !c.is_control() || *c == '\n').collect();
    match text.chars().count() {
        0 => Err(Refused::Empty(what)),
        count if count > most => Err(Refused::TooLong(what, most)),
        _ => Ok(text),
    }
}

impl Rooms {
    /// Somebody is here, in no room yet. `wanted` is the name to use if it can be used.
    pub(super) fn arrive(&mut self, id: ConnectionId, wanted: Option<&str>) -> Result<(), Refused> {
        self.person(id, wanted).map(|_| ())
    }

    /// Somebody enters a room.
    pub(super) fn join(&mut self, id: ConnectionId, room: &str) -> Result<Entry, Refused> {
        if clean("room name", room, MAX_NAME)? != room {
            return Err(Refused::Empty("room name"));
        }
        let person = self.person(id, None)?;
        if person.rooms.contains(room) {
            return Ok(Entry::Again(person.name.clone()));
        }
        if person.rooms.len() >= MAX_ROOMS_EACH {
            return Err(Refused::TooManyRooms);
        }
        person.rooms.insert(room.to_owned());
        let name = person.name.clone();
        self.rooms.entry(room.to_owned()).or_default().insert(id);
        Ok(Entry::New(name))
    }

    /// Somebody leaves a room; the name, if they were in it.
    pub(super) fn leave(&mut self, id: ConnectionId, room: &str) -> Option<String> {
        let person = self.people.get_mut(&id)?;
        if !person.rooms.remove(room) {
            return None;
        }
        let name = person.name.clone();
        self.vacate(id, room);
        Some(name)
    }

    /// Somebody is gone for good; the name and the rooms they were in.
    pub(super) fn forget(&mut self, id: ConnectionId) -> Option<(String, BTreeSet<String>)> {
        let person = self.people.remove(&id)?;
        for room in &person.rooms {
            self.vacate(id, room);
        }
        Some((person.name, person.rooms))
    }

    /// The name of the speaker and what they say, if they are in the room.
    pub(super) fn speak(
        &self,
        id: ConnectionId,
        room: &str,
        text: &str,
    ) -> Result<(String, String), Refused> {
        let speaker = self.people.get(&id).filter(|person| person.rooms.contains(room));
        let speaker = speaker.ok_or_else(|| Refused::NotThere(room.to_owned()))?;
        Ok((speaker.name.clone(), clean("message", text, MAX_TEXT)?))
    }

    pub(super) fn rename(&mut self, id: ConnectionId, name: &str) -> Result<Change, Refused> {
        let after = clean("name", name, MAX_NAME)?;
        let person = self.person(id, None)?;
        let before = std::mem::replace(&mut person.name, after.clone());
        Ok(Change { before, after, rooms: person.rooms.iter().cloned().collect() })
    }

    /// The names of those in a room, sorted.
    pub(super) fn people(&self, room: &str) -> Vec<String> {
        let present = self.rooms.get(room).into_iter().flatten();
        let mut names: Vec<String> =
            present.filter_map(|id| self.people.get(id)).map(|person| person.name.clone()).collect();
        names.sort_unstable_by_key(|name| name.to_lowercase());
        names
    }

    fn person(&mut self, id: ConnectionId, wanted: Option<&str>) -> Result<&mut Person, Refused> {
        if self.people.len() >= MAX_PEOPLE && !self.people.contains_key(&id) {
            return Err(Refused::Full);
        }
        Ok(self.people.entry(id).or_insert_with(|| {
            let wanted = wanted.and_then(|name| clean("name", name, MAX_NAME).ok());
            let name = wanted.unwrap_or_else(|| {
                let digits: String = id.to_string().chars().take(4).collect();
                format!("guest {digits}")
            });
            Person { name, rooms: BTreeSet::new() }
        }))
    }

    fn vacate(&mut self, id: ConnectionId, room: &str) {
        let Some(present) = self.rooms.get_mut(room) else { return };
        present.remove(&id);
        if present.is_empty() {
            self.rooms.remove(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> ConnectionId {
        ConnectionId::from_random([number; 16])
    }

    fn joined(rooms: &mut Rooms, number: u8, name: &str) {
        rooms.arrive(id(number), Some(name)).unwrap();
        assert_eq!(rooms.join(id(number), "garden"), Ok(Entry::New(name.to_owned())));
    }

    #[test]
    fn joining_twice_changes_nothing() {
        let mut rooms = Rooms::default();
        joined(&mut rooms, 1, "ann");
        assert_eq!(rooms.join(id(1), "garden"), Ok(Entry::Again("ann".to_owned())));
        assert_eq!(rooms.people("garden"), ["ann"]);
    }

    #[test]
    fn people_are_listed_by_name_and_rooms_vanish_with_the_last_one() {
        let mut rooms = Rooms::default();
        joined(&mut rooms, 1, "bob");
        joined(&mut rooms, 2, "Ann");
        assert_eq!(rooms.people("garden"), ["Ann", "bob"]);
        assert_eq!(rooms.leave(id(1), "garden").as_deref(), Some("bob"));
        assert_eq!(rooms.leave(id(1), "garden"), None);
        assert_eq!(rooms.forget(id(2)).unwrap().0, "Ann");
        assert!(rooms.rooms.is_empty());
    }

    #[test]
    fn only_those_in_a_room_may_speak_there() {
        let mut rooms = Rooms::default();
        assert!(matches!(rooms.speak(id(1), "garden", "hi"), Err(Refused::NotThere(_))));
        joined(&mut rooms, 1, "ann");
        assert_eq!(rooms.speak(id(1), "garden", " hi\u{7} "), Ok(("ann".to_owned(), "hi".to_owned())));
        assert_eq!(rooms.speak(id(1), "garden", "  "), Err(Refused::Empty("message")));
    }

    #[test]
    fn a_new_name_reaches_every_room_of_its_owner() {
        let mut rooms = Rooms::default();
        joined(&mut rooms, 1, "ann");
        rooms.join(id(1), "attic").unwrap();
        let change = rooms.rename(id(1), " Anna ").unwrap();
        assert_eq!((change.before.as_str(), change.after.as_str()), ("ann", "Anna"));
        assert_eq!(change.rooms, ["attic", "garden"]);
        assert!(rooms.rename(id(1), &"x".repeat(MAX_NAME + 1)).is_err());
    }

    #[test]
    fn nobody_is_in_more_rooms_than_allowed() {
        let mut rooms = Rooms::default();
        for room in 0..MAX_ROOMS_EACH {
            rooms.join(id(1), &format!("room {room}")).unwrap();
        }
        assert_eq!(rooms.join(id(1), "one more"), Err(Refused::TooManyRooms));
        assert!(rooms.join(id(1), " padded ").is_err());
    }
}
