//! Whether a Registry answers, as whoever asks it for payments hears.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use wom_sdk::{
    Kind, Result, Timestamp,
    award::Ticket,
    checkout::{Charge, Payee},
    protocol::Otc,
};

/// Tells whether the Registry answered the last time that it was asked. Cheap to clone.
///
/// Nothing is asked for its sake: it listens to what a [`Payee`] asks anyhow, so a code that is shown
/// and watched tells within seconds that it is cut.
#[derive(Clone, Debug, Default)]
pub struct Connection(Arc<AtomicBool>);

impl Connection {
    /// One that works until it is known not to.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same payee; what it hears is known here. Several may share one, if they ask one Registry.
    pub fn listen_to(&self, payee: Arc<dyn Payee>) -> Arc<dyn Payee> {
        Arc::new(Heard {
            connection: self.clone(),
            payee,
        })
    }

    /// Whether the Registry did not answer the last time.
    pub fn is_cut(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn heard<T>(&self, answer: Result<T>) -> Result<T> {
        let silent = |kind| {
            matches!(
                kind,
                Kind::NetworkUnreachable
                    | Kind::DeadlineExceeded
                    | Kind::OutcomeUnknown
                    | Kind::RegistryFailed
                    | Kind::RateLimited
            )
        };
        let cut = answer
            .as_ref()
            .err()
            .is_some_and(|error| silent(error.kind()));
        if self.0.swap(cut, Ordering::Relaxed) != cut {
            tracing::warn!(cut, "whether the Registry answers has changed");
        }
        answer
    }
}

#[derive(Debug)]
struct Heard {
    connection: Connection,
    payee: Arc<dyn Payee>,
}

#[async_trait]
impl Payee for Heard {
    fn registry(&self) -> &str {
        self.payee.registry()
    }

    fn pos(&self) -> String {
        self.payee.pos()
    }

    async fn register(&self, charge: &Charge, nonce: &str) -> Result<Ticket> {
        self.connection
            .heard(self.payee.register(charge, nonce).await)
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        // A Registry that fails here may be one that did it before.
        self.payee.verify(otc).await
    }

    async fn verified(&self, ticket: &Ticket) -> Result<Option<bool>> {
        self.payee.verified(ticket).await
    }

    async fn status(&self, otc: &Otc) -> Result<Vec<Timestamp>> {
        self.connection.heard(self.payee.status(otc).await)
    }
}
