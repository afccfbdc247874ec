//! When a message that was not taken is sent again.

/// How often a message is sent before a person has to look: the first time and seven more, about
/// 28 hours in all.
pub const TRIES: u32 = 8;

/// Milliseconds to wait after the first, second, … try that failed.
const PAUSES_MS: [i64; TRIES as usize - 1] = [
    5_000,
    5 * 60_000,
    30 * 60_000,
    2 * 3_600_000,
    5 * 3_600_000,
    10 * 3_600_000,
    10 * 3_600_000,
];

/// How many milliseconds to wait after `tries` failed tries (1 or more), or `None` where the
/// message has to wait for a person: 5 s, 5 and 30 minutes, 2, 5, 10 and 10 hours, each longer by
/// up to a fifth (`random` decides), so that many messages do not come back at once.
///
/// What the receiver asks for in `Retry-After` is waited for too where that is longer.
pub fn pause_ms(tries: u32, random: u64) -> Option<i64> {
    let index = usize::try_from(tries.saturating_sub(1)).ok()?;
    let pause = *PAUSES_MS.get(index)?;
    let jitter = random % (pause.unsigned_abs() / 5 + 1);
    Some(pause + i64::try_from(jitter).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let shortest: Vec<_> = (1..).map_while(|tries| pause_ms(tries, 0)).collect();
        assert_eq!(shortest.len() + 1, TRIES as usize);
        assert!(shortest.is_sorted());
        let hours = shortest.iter().sum::<i64>() / 3_600_000;
        assert_eq!(hours, 27);
        for (pause, random) in shortest
            .iter()
            .zip([0, 1, 7, u64::MAX, 999, 12_345, 6_000_000])
        {
            let tries =
                1 + u32::try_from(shortest.iter().position(|p| p == pause).unwrap()).unwrap();
            let drawn = pause_ms(tries, random).unwrap();
            assert!(
                (*pause..=pause + pause / 5).contains(&drawn),
                "{tries} {drawn}"
            );
        }
        assert_eq!(pause_ms(u32::MAX, 1), None);
    }
}
