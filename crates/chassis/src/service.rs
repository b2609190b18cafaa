/// What a service is: a `const` in each service's `lib.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name, such as `inventory`.
    pub name: &'static str,
    /// Its version: `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The port it listens on unless told otherwise. The admin port is 100 above the one it listens on.
    pub port: u16,
}
