//! What the tests of the whole workspace share: the shop as processes of this machine, what it runs on, its customers, its
//! servers' listings and metrics, the README's commands, and the rules of the layout.

pub mod audit;
pub mod backends;
pub mod cluster;
pub mod customer;
pub mod feed;
pub mod ids;
pub mod load;
pub mod madang;
pub mod random;
pub mod readme;
pub mod refusal;
pub mod servers;

mod shop;
pub mod spans;
pub mod strace;
pub mod tidy;
pub mod wait;
pub mod web;

pub use backends::Backends;
pub use shop::{Replica, Service, Settings, Shop};
