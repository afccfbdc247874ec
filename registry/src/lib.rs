//! A WOM Registry to run offline, in a test, or in a town.
//!
//! It speaks the WOM protocol as instruments, POS and Pockets use it, on SQLite. Vouchers are
//! spent, codes redeemed and attempts counted by single conditional statements in one transaction,
//! so that it holds for any number of callers, and of processes on one directory, that what may
//! happen once happens once.
//!
//! Beyond the protocol, and unnoticed by who does not use it:
//!
//! * verify may be repeated;
//! * create and register with the same nonce and contents yield the same code; the same nonce with
//!   other contents is `wrong-parameter`;
//! * the issue in one call with the same `Idempotency-Key` and contents yields the same code;
//! * redeem with the session key that redeemed yields the same vouchers again, for a day; confirm
//!   of a persistent payment with the same session key and vouchers is answered again;
//! * each voucher has a secret of its own, and is spent by its number;
//! * faults in what a source or POS asks for are `wrong-parameter` with the member's name in
//!   `field`;
//! * three wrong PINs void payments too; payments that may be made many times pause instead (429);
//! * payloads and bodies over their limits are 413 before any RSA operation; with all workers
//!   and the queue full the answer is 503 with `Retry-After`;
//! * requests that were never verified are forgotten after a day, and bounded in number per
//!   instrument and POS (429).
//!
//! With [`faithful`](RegistryOptions::faithful) set it remembers no nonce and verifies only once, as
//! the Registry that others run, so that software can be tried against both.

mod admin;
mod api_key;
mod books;
mod confirm;
mod db;
mod envelope;
mod files;
mod http;
mod ids;
mod issue;
mod landing;
mod options;
mod pay;
mod redeem;
mod refusal;
mod registry;
mod rsa_pool;
mod secrets;
mod test_registry;
mod unverified;

pub use admin::{NewInstrument, NewPos};
pub use books::{Books, PaymentBook, RequestBook, RequestState, Sums};
pub use http::{router, serve};
pub use options::RegistryOptions;
pub use registry::Registry;
pub use test_registry::TestRegistry;
