//! What makes a whole run repeatable: jitter that a seed decides.

use std::cell::Cell;

thread_local! {
    static JITTER: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Lets the jitter of retries on this thread follow a seed, or chance again without one. Secrets
/// are never drawn from it.
pub fn seed_jitter(seed: Option<u64>) {
    JITTER.set(seed);
}

/// The next number of this thread's seeded jitter (SplitMix64), where there is one.
pub(crate) fn next_jitter() -> Option<u64> {
    let state = JITTER.get()?.wrapping_add(0x9e37_79b9_7f4a_7c15);
    JITTER.set(Some(state));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Some(mixed ^ (mixed >> 31))
}
