//! One order is changed by one call at a time, and one code made.

use tokio::sync::{Mutex, MutexGuard};

/// Who is at what; some orders share a lock.
pub(crate) struct Turns([Mutex<()>; 64]);

impl Turns {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// Waits until nobody else is at this order or code.
    pub(crate) async fn at(&self, name: &str) -> MutexGuard<'_, ()> {
        let sum = name.bytes().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        self.0[sum % self.0.len()].lock().await
    }
}
