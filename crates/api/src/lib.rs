//! The contracts of proto/ as Rust: messages, clients and servers, and what every service does with them in the same way:
//! errors with reasons, violations gathered, pages, conversions of the shared types, the Protobuf JSON mapping.

pub mod codec;
pub mod convert;
mod deadline;
pub mod error;
#[cfg(feature = "json")]
pub mod json;
pub mod page;
mod redacted;
mod violations;

pub use deadline::within;
pub use generated::*;
pub use violations::{Fields, Violations};

/// All of proto/, encoded as a `FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[expect(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    clippy::allow_attributes_without_reason,
    reason = "written by tonic-prost-build; buf's COMMENTS rule holds the comments of proto/"
)]
mod generated {
    mod included {
        include!(concat!(env!("OUT_DIR"), "/madang.rs"));
    }
    pub use included::madang::*;
}
