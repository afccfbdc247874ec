//! A function as a sink.

use std::fmt;

use async_trait::async_trait;
use wom_sdk::{
    Result,
    claim::{Claim, ClaimSink},
};

/// Hands claims to a function of yours. `Ok` from it means that you have them durably.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use wom_sdk::claim::ClaimSink;
/// use wom_sinks::CallbackSink;
///
/// let sink = CallbackSink::new(async |claims| {
///     // Write them into your own data base, then:
///     assert!(claims.is_empty());
///     Ok(())
/// });
/// sink.deliver(&[]).await
/// # }).unwrap();
/// ```
pub struct CallbackSink<F>(F);

impl<F> CallbackSink<F> {
    /// A sink that calls this function with a copy of each delivery's claims.
    pub fn new<A>(function: F) -> Self
    where
        F: Fn(Vec<Claim>) -> A + Send + Sync,
        A: Future<Output = Result<()>> + Send,
    {
        Self(function)
    }
}

#[async_trait]
impl<F, A> ClaimSink for CallbackSink<F>
where
    F: Fn(Vec<Claim>) -> A + Send + Sync,
    A: Future<Output = Result<()>> + Send,
{
    async fn deliver(&self, claims: &[Claim]) -> Result<()> {
        (self.0)(claims.to_vec()).await
    }
}

impl<F> fmt::Debug for CallbackSink<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackSink(…)")
    }
}
