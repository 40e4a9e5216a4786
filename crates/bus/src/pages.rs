//! A list that is handed out as it is at the moment, and changes meanwhile.
//!
//! It lies in pages. Handing it out hands out the pages, and a page that somebody still goes through is copied before it
//! changes; one that nobody goes through changes where it lies.

use std::sync::Arc;

/// So many lie in one page: few enough to be copied within a microsecond or two, many enough for few pages.
const PAGE: usize = 64;

/// What is in one page.
pub(crate) type Page<T> = Arc<Vec<T>>;

#[derive(Debug)]
pub(crate) struct Pages<T> {
    /// All are full but the last, which is not empty.
    pages: Vec<Page<T>>,
}

impl<T> Pages<T> {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.pages.get(index / PAGE)?.get(index % PAGE)
    }

    pub(crate) fn pages(&self) -> &[Page<T>] {
        &self.pages
    }
}

impl<T: Clone> Pages<T> {
    pub(crate) fn push(&mut self, item: T) {
        match self.pages.last_mut().filter(|last| last.len() < PAGE) {
            Some(last) => Arc::make_mut(last).push(item),
            None => {
                // Most lists are short; one with many pages fills this one as well.
                let mut page = Vec::with_capacity(if self.pages.is_empty() { 1 } else { PAGE });
                page.push(item);
                self.pages.push(Arc::new(page));
            }
        }
    }

    /// Takes one out; the last one takes its place.
    pub(crate) fn swap_remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len() {
            return None;
        }
        let last = self.pages.last_mut()?;
        let moved = Arc::make_mut(last).pop()?;
        if last.is_empty() {
            self.pages.pop();
        }
        match self.pages.get_mut(index / PAGE).and_then(|page| Arc::make_mut(page).get_mut(index % PAGE)) {
            Some(place) => Some(std::mem::replace(place, moved)),
            // It was the last itself.
            None => Some(moved),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn all(pages: &[Page<u32>]) -> Vec<u32> {
        pages.iter().flat_map(|page| page.iter().copied()).collect()
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push,
        Remove,
        HandOut,
        TakeBack,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Push),
            3 => Just(Step::Remove),
            1 => Just(Step::HandOut),
            1 => Just(Step::TakeBack),
        ]
    }

    proptest! {
        #[test]
        fn pages_agree_with_a_list_and_what_is_handed_out_does_not_change(
            already in 0..3 * PAGE, steps in vec((step(), any::<prop::sample::Index>()), 0..100)
        ) {
            let mut pages = Pages::new();
            let mut model: Vec<u32> = (0..).take(already).collect();
            model.iter().for_each(|item| pages.push(*item));
            let mut handed_out = Vec::new();
            for (number, (step, which)) in (1000..).zip(steps) {
                match step {
                    Step::Push => {
                        pages.push(number);
                        model.push(number);
                    }
                    Step::Remove if model.is_empty() => prop_assert_eq!(pages.swap_remove(0), None),
                    Step::Remove => {
                        let index = which.index(model.len());
                        prop_assert_eq!(pages.swap_remove(model.len()), None);
                        prop_assert_eq!(pages.swap_remove(index), Some(model.swap_remove(index)));
                        prop_assert_eq!(pages.get(index), model.get(index));
                    }
                    Step::HandOut => handed_out.push((pages.pages().to_vec(), model.clone())),
                    Step::TakeBack => _ = handed_out.pop(),
                }
                prop_assert_eq!((pages.len(), pages.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(&all(pages.pages()), &model);
            }
            for (pages, model) in handed_out {
                prop_assert_eq!(all(&pages), model);
            }
        }
    }

    #[test]
    fn only_a_page_that_somebody_goes_through_is_copied() {
        let mut pages = Pages::new();
        (0..3 * PAGE).for_each(|item| pages.push(item));
        let place = |pages: &Pages<usize>, page: usize| pages.pages()[page].as_ptr();
        let before = [0, 1, 2].map(|page| place(&pages, page));
        pages.swap_remove(0);
        assert_eq!([0, 1, 2].map(|page| place(&pages, page)), before);
        let handed_out = pages.pages().to_vec();
        pages.swap_remove(1);
        let after = [0, 1, 2].map(|page| place(&pages, page));
        assert_ne!(after[0], before[0]);
        assert_eq!(after[1], before[1], "nothing in it has changed");
        assert_ne!(after[2], before[2]);
        pages.swap_remove(2);
        assert_eq!([0, 1, 2].map(|page| place(&pages, page)), after, "once is enough");
        drop(handed_out);
    }
}
