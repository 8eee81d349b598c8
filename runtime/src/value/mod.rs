//! The values that scripts hold beside Rhai's own: durations, quantities, lists, and what is missing.

pub mod context;
pub mod document;
pub mod duration;
pub mod list;
pub mod missing;
mod nouns;
pub mod plot;
pub mod quantity;
pub mod table;

pub use context::Context;
pub use document::Document;
pub use duration::Span;
pub use list::List;
pub use missing::Missing;
pub use plot::{Curve, Plot};
pub use quantity::Quantity;
pub use table::{Drawing, Hunk, Table};
