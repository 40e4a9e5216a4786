//! Memory that is needed soon is fetched while something else is done.
//!
//! Between two turns of one connection a thousand others are served, and for each of them the kernel goes through the processor's caches. So
//! what belongs to a connection lies far away when its turn comes, in a dozen pieces, and to wait for one after the other takes as long as
//! all that is done with them. Whoever knows what is needed next has it fetched before he goes to the kernel: a publisher, what belongs to
//! the readers after the present one; a conversation, what its last request needed.
//!
//! Nothing but time depends on it. What was freed meanwhile is fetched in vain, and nothing is read.

use std::{
    cell::Cell,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use branches::prefetch_read_data;

/// What a processor fetches at once, in bytes.
const LINE: usize = 64;
/// So much of one thing is fetched, in bytes: more would only wait for the processor to ask for it.
const MOST_AT_ONCE: usize = 24 * LINE;
/// Into the nearest cache.
const NEAREST: i32 = 0;
/// So many places are kept of a request.
const MOST: usize = 15;
/// The count while nobody follows: there is no room for another.
const NOBODY: usize = usize::MAX;

/// Some lines of memory: the address of the first, and how many there are, in one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines(usize);

/// What a request needed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trail([Lines; MOST]);

/// The same where several threads have it fetched while one sets it anew.
#[derive(Debug, Default)]
pub(crate) struct SharedTrail([AtomicUsize; MOST]);

thread_local! {
    static NOTED: Noted = const { Noted { places: [const { Cell::new(Lines(0)) }; MOST], count: Cell::new(NOBODY) } };
}

/// The trail of the present request.
struct Noted {
    places: [Cell<Lines>; MOST],
    count: Cell<usize>,
}

impl Lines {
    pub(crate) fn of<T: ?Sized>(what: &T) -> Self {
        Self::at(ptr::from_ref(what).cast(), size_of_val(what))
    }

    /// Of so many bytes.
    pub(crate) fn at(address: *const (), bytes: usize) -> Self {
        if bytes == 0 {
            return Self::default();
        }
        let (first, past) = (address.addr() / LINE, (address.addr() + bytes).div_ceil(LINE));
        Self(first * LINE + (past - first).min(LINE - 1))
    }

    pub(crate) fn fetch(self) {
        let (lines, first) = (self.0 % LINE, self.0 / LINE);
        for line in first..first + lines {
            prefetch_read_data::<u8, NEAREST>(ptr::without_provenance(line * LINE));
        }
    }
}

impl Trail {
    /// What was noted since [`follow`], if anybody has called that since this was asked last.
    pub(crate) fn take() -> Option<Self> {
        NOTED.with(|noted| {
            let count = noted.count.replace(NOBODY);
            let mut places = noted.places.iter().take(count).map(Cell::get);
            (count != NOBODY).then(|| Self(std::array::from_fn(|_| places.next().unwrap_or_default())))
        })
    }

    pub(crate) fn fetch(&self) {
        fetch_all(self.0.iter().copied());
    }
}

impl SharedTrail {
    pub(crate) fn set(&self, trail: &Trail) {
        self.0.iter().zip(&trail.0).for_each(|(place, lines)| place.store(lines.0, Ordering::Relaxed));
    }

    /// Whoever meets a [`set`](Self::set) has something of both fetched.
    pub(crate) fn fetch(&self) {
        fetch_all(self.0.iter().map(|place| Lines(place.load(Ordering::Relaxed))));
    }
}

/// Up to the first place of a trail where nothing is.
fn fetch_all(places: impl Iterator<Item = Lines>) {
    places.take_while(|place| *place != Lines::default()).for_each(Lines::fetch);
}

/// Works on one after the other. What belongs to the next three is fetched meanwhile, in steps: first what is known of it now, last what can
/// be found by then. For those with whom it begins there is no meanwhile, but what belongs to them is fetched side by side.
pub(crate) fn go_through<'a, T: 'a>(
    all: impl IntoIterator<Item = &'a T>,
    [first, second, third]: [fn(&T); 3],
    mut work: impl FnMut(&T),
) {
    let mut all = all.into_iter();
    let mut begin = || all.next().inspect(|each| first(each));
    let mut present = [begin(), begin(), begin()];
    let [each, next, _] = present;
    each.map(second);
    next.map(second);
    each.map(third);
    while let [Some(each), next, next_but_one] = present {
        let last_of_three = begin();
        next_but_one.map(second);
        next.map(third);
        work(each);
        present = [next, next_but_one, last_of_three];
    }
}

/// Has it fetched, if it is large its beginning. How many lines that are is known to the compiler, so it takes one instruction for each.
pub(crate) fn fetch<T>(what: &T) {
    let (begin, size) = (ptr::from_ref(what).cast::<u8>(), size_of::<T>().min(MOST_AT_ONCE));
    for at in (0..size).step_by(LINE) {
        prefetch_read_data::<u8, NEAREST>(begin.wrapping_add(at));
    }
    // Unless it begins where a line does, its end lies in one more.
    prefetch_read_data::<u8, NEAREST>(begin.wrapping_add(size.saturating_sub(1)));
}

/// What is noted from here on is the trail of the present request.
pub(crate) fn follow() {
    NOTED.with(|noted| noted.count.set(0));
}

/// The next request on this physical connection will most likely need it too.
pub(crate) fn note(lines: Lines) {
    NOTED.with(|noted| {
        let count = noted.count.get();
        if let Some(next) = noted.places.get(count).filter(|_| lines != Lines::default()) {
            next.set(lines);
            noted.count.set(count + 1);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Aligned([u8; 4 * LINE]);

    fn split(place: Lines) -> (usize, usize) {
        (place.0 / LINE, place.0 % LINE)
    }

    #[test]
    fn a_place_is_all_lines_of_what_lies_there() {
        let Aligned(bytes) = &Aligned([0; 4 * LINE]);
        let first = bytes.as_ptr().addr() / LINE;
        assert_eq!(split(Lines::of(bytes)), (first, 4));
        assert_eq!(split(Lines::of(&bytes[..LINE])), (first, 1));
        assert_eq!(split(Lines::of(&bytes[LINE - 1..=LINE])), (first, 2));
        assert_eq!(split(Lines::of(&bytes[2 * LINE + 1..])), (first + 2, 2));
        assert_eq!(Lines::of(&bytes[1..1]), Lines::default(), "nothing lies there");
    }

    #[test]
    fn what_is_very_large_is_fetched_in_part() {
        let large = vec![0_u8; 1024 * LINE];
        assert_eq!(Lines::of(&*large).0 % LINE, LINE - 1);
    }

    #[test]
    fn what_was_freed_can_be_fetched() {
        let place = Lines::of(&*vec![0_u8; 1 << 20]);
        place.fetch();
        Lines::default().fetch();
    }

    #[test]
    fn a_trail_is_what_was_noted_on_the_way_and_nothing_before_or_after() {
        let things = [Aligned([0; 4 * LINE]); 3];
        let places = things.each_ref().map(Lines::of);
        note(places[0]);
        assert!(Trail::take().is_none(), "nobody follows");
        follow();
        note(places[1]);
        note(Lines::default());
        note(places[2]);
        let trail = Trail::take().expect("a trail");
        note(places[0]);
        assert!(Trail::take().is_none());
        assert_eq!(trail.0[..3], [places[1], places[2], Lines::default()]);
        trail.fetch();
        let shared = SharedTrail::default();
        for trail in [trail, Trail::default()] {
            shared.set(&trail);
            assert!(
                shared.0.iter().map(|place| place.load(Ordering::Relaxed)).eq(trail.0.map(|lines| lines.0))
            );
            shared.fetch();
        }
    }

    #[test]
    fn a_trail_has_an_end() {
        let things = [Aligned([0; 4 * LINE]); MOST + 1];
        follow();
        things.iter().for_each(|thing| note(Lines::of(thing)));
        let trail = Trail::take().expect("a trail");
        assert_eq!(trail.0, std::array::from_fn(|index| Lines::of(&things[index])));
    }

    #[test]
    fn each_is_worked_on_once_after_its_steps() {
        thread_local! {
            static DONE: Cell<Vec<(usize, char)>> = const { Cell::new(Vec::new()) };
        }
        fn done(step: (usize, char)) {
            let mut all = DONE.take();
            all.push(step);
            DONE.set(all);
        }
        for count in 0..6 {
            let all: Vec<usize> = (0..count).collect();
            let steps: [fn(&usize); 3] =
                [|at| done((*at, 'a')), |at| done((*at, 'b')), |at| done((*at, 'c'))];
            go_through(&all, steps, |at| done((*at, 'd')));
            let all = DONE.take();
            let steps_of = |at| all.iter().filter(|step| step.0 == at).map(|step| step.1).collect::<String>();
            assert!((0..count).all(|at| steps_of(at) == "abcd"), "{all:?}");
            assert!(all.iter().filter(|step| step.1 == 'd').map(|step| step.0).eq(0..count));
        }
    }
}
