//! Fuzz targets: one function from bytes for every parser of what a cluster, a mesh, a file or a person hands over.
//!
//! A target panics when what its comment promises does not hold. `tests/targets` runs all of them with `cargo test` over
//! their seeds, over what was once found, and over a fixed series of edits of the seeds.

pub mod cluster;
pub mod seeds;
pub mod targets;

pub use targets::TARGETS;

/// A function from bytes that never panics, and where its inputs come from.
#[derive(Debug)]
pub struct Target {
    /// `CRATE_PARSER`; also the name of its files in `seeds` and its folder in `found`.
    pub name: &'static str,
    /// Takes one input; panics where it finds a defect.
    pub run: fn(&[u8]),
    /// Files of the repository that are seeds too.
    pub recorded: &'static [seeds::Recorded],
    /// How many edited inputs the tests run: as many as fit into about a second.
    pub cases: u32,
}
