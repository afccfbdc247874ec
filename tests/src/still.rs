//! Real requests in a time that stands still while they are under way.
//!
//! A test's paused time passes at once where nothing is under way. It would pass within a real
//! request too, as its runtime knows nothing of that; so servers live, and requests are sent, on a
//! runtime beside it.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use tokio::runtime::{Builder, Handle, Runtime};
use wom_sdk::{
    Result,
    registry::{HttpRequest, HttpResponse, Transport},
};

/// Where real time passes; never dropped, as that is not allowed within another runtime.
static ASIDE: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("the system has threads")
});

/// The runtime beside those of tests.
pub fn aside() -> &'static Handle {
    ASIDE.handle()
}

/// Runs work there, and waits while the own time stands still.
pub async fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    // A thread that waits is what holds the paused time.
    tokio::task::spawn_blocking(|| aside().block_on(work))
        .await
        .expect("the work does not panic")
}

/// A transport that sends from there.
#[derive(Clone, Debug)]
pub struct Still(Arc<dyn Transport>);

impl Still {
    /// Around the transport that sends.
    pub fn new(inner: impl Transport + 'static) -> Self {
        Self(Arc::new(inner))
    }
}

#[async_trait]
impl Transport for Still {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let inner = Arc::clone(&self.0);
        run(async move { inner.send(request).await }).await
    }
}
