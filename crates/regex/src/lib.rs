//! [`regex_lite`] under the name of the larger crate, put in its place by `[patch.crates-io]`. The libraries that ask for that
//! one read the names of migrations and the versions of servers with it, and would bring its tables of Unicode and its
//! automata into every service. It has no features: those of the larger crate are named so that they can be asked for.

pub use regex_lite::*;
