//! What a reading comes to, however large it is: entries go through two sorts, which use the disk
//! where memory does not do. By key, to keep the version that holds; then by person and time, to
//! judge one quiet stretch after the other.

mod ledger;
mod row;
mod sorter;
mod summary;

pub use ledger::{Ledger, Listener};
pub use summary::{Totals, steps};
