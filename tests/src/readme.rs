//! Commands of the README.
