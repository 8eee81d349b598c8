//! The command line's own modules, as they are compiled there.

pub mod arguments;
pub mod escape;
