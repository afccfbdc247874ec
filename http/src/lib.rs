//! How other people's systems are spoken to: at which address, with TLS or in clear where nobody can
//! listen, up to which size of an answer, and with what opens them.

mod address;
mod answer;
mod client;
mod secrets;

pub use address::{address, below};
pub use answer::{Cut, body, retry_after};
pub use client::{build, client};
pub use secrets::{Credentials, Secrets};
