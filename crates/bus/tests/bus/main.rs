//! The bus as its users see it: its promises one by one, against a model, and under real threads.
//!
//! The attributes say to clippy that these are tests through and through.

#[cfg(test)]
mod model;
#[cfg(test)]
mod note;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod threads;
