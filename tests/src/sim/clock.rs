//! Clocks that go wrong: fast or slow, and set right again under the program's feet.

use std::sync::Arc;

use wom_sdk::{Clock, MINUTE_MS, Timestamp};

use super::{Scene, process::Process};
use crate::fuzz::Rng;

/// How far ahead a clock may be.
pub(super) const AHEAD_MS: i64 = 60 * MINUTE_MS;
/// How far behind. By such a clock what just happened is still to come: it is refused, and read again
/// later.
pub(super) const BEHIND_MS: i64 = 60 * MINUTE_MS;

/// The clock of one process.
#[derive(Debug)]
pub(super) struct Watch(pub(super) Arc<Process>);

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        self.0.world.now().plus_millis(self.0.skew_ms())
    }
}

/// Sets clocks wrong and right as long as things fail, and all right after.
pub(super) async fn mistune(scene: Arc<Scene>) {
    let world = &scene.world;
    let mut rng = Rng::new(world.seed, "clocks", 0);
    while world.now() < world.weather.calm() {
        let process = &scene.processes[rng.below(scene.processes.len())];
        let skew = *rng.pick(&[
            0,
            1_000,
            -1_000,
            5 * MINUTE_MS,
            -5 * MINUTE_MS,
            -BEHIND_MS,
            AHEAD_MS,
        ]);
        world.log(format_args!("the clock of {process} is {skew} ms ahead"));
        process.set_skew(skew);
        let left = world.weather.calm().since(world.now()).max(0);
        let pause = i64::try_from(rng.below(7_200_000)).unwrap_or(0).min(left);
        world
            .sleep_until(world.now().plus_millis(pause.max(1)))
            .await;
    }
    scene
        .processes
        .iter()
        .for_each(|process| process.set_skew(0));
}
