//! A worker process: the production machines at work, until it dies and another takes its place.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use tokio::{sync::Notify, task::AbortHandle};
use wom_sdk::{cash_desk::CashDesk, collector::Collector, dispatcher::Dispatcher};

use super::{
    weather::Fault,
    world::{World, lock},
};

/// One process. What it had in memory dies with it.
pub(super) struct Process {
    number: usize,
    pub(super) world: Arc<World>,
    life: Mutex<Life>,
    died: Notify,
    skew_ms: AtomicI64,
}

#[derive(Default)]
struct Life {
    hands: Option<Hands>,
    tasks: Vec<AbortHandle>,
}

/// The production code of one life.
#[derive(Clone, Debug)]
pub(super) struct Hands {
    pub(super) dispatcher: Dispatcher,
    pub(super) collector: Collector,
    pub(super) desk: CashDesk,
}

impl Process {
    pub(super) fn new(number: usize, world: &Arc<World>) -> Arc<Self> {
        let process = Arc::new(Self {
            number,
            world: Arc::clone(world),
            life: Mutex::default(),
            died: Notify::new(),
            skew_ms: AtomicI64::new(0),
        });
        world.machine.houses(&process);
        process
    }

    /// How far its machine's clock is ahead.
    pub(super) fn skew_ms(&self) -> i64 {
        self.skew_ms.load(Ordering::Relaxed)
    }

    pub(super) fn set_skew(&self, millis: i64) {
        self.skew_ms.store(millis, Ordering::Relaxed);
    }

    /// A point at which the process may die, by itself or with all others on its machine: the future
    /// never goes on then.
    pub(super) async fn may_die(&self, at: &str) {
        if self.world.strikes(Fault::Crash) {
            match self.world.chance(300) {
                true => self.world.machine.loses_power(at),
                false => self.die(at),
            }
            std::future::pending::<()>().await;
        }
    }

    /// Dies at once: nothing of it runs any more.
    pub(super) fn die(&self, at: &str) {
        self.world.log(format_args!("{self} dies at {at}"));
        let mut life = lock(&self.life);
        life.hands = None;
        life.tasks.drain(..).for_each(|task| task.abort());
        self.died.notify_one();
    }

    /// Is put away at the end of a run: what it holds holds it in turn.
    pub(super) fn put_away(&self) {
        lock(&self.life).hands = None;
    }

    /// Starts to live: requests are answered from now on.
    pub(super) fn live(&self, hands: Hands) {
        self.world.log(format_args!("{self} lives"));
        lock(&self.life).hands = Some(hands);
    }

    /// Waits until it is dead.
    pub(super) async fn dead(&self) {
        while lock(&self.life).hands.is_some() {
            self.died.notified().await;
        }
    }

    /// Begins something inside the process that nobody waits for.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(work);
        lock(&self.life).tasks.push(task.abort_handle());
    }

    /// Runs something inside the process; nothing comes back if there is none, or it dies.
    pub(super) async fn call<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        work: impl FnOnce(Hands) -> F,
    ) -> Option<T> {
        let hands = lock(&self.life).hands.clone()?;
        self.run(work(hands)).await
    }

    /// As [`call`](Self::call), for what makes the process live.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let task = tokio::spawn(work);
        {
            let mut life = lock(&self.life);
            life.tasks.retain(|task| !task.is_finished());
            life.tasks.push(task.abort_handle());
        }
        match task.await {
            Ok(value) => Some(value),
            Err(error) => {
                if error.is_panic() {
                    self.world.fail("no defect", "production code panicked");
                }
                None
            }
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.number)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
