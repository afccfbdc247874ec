//! Which vouchers to pay with.

use std::collections::BTreeMap;

use super::book::Book;
use crate::{
    Error, Kind, Result, Timestamp,
    protocol::{Filter, VoucherId, random},
};

pub(super) fn choose(
    book: &Book,
    filter: &Filter,
    amount: u32,
    now: Timestamp,
) -> Result<Vec<VoucherId>> {
    let wanted = usize::try_from(amount).unwrap_or(usize::MAX);
    // Vouchers of a payment that was refused come in only where the others do not suffice: one of
    // them may be spoilt, and the Registry does not say which.
    for suspects in [false, true] {
        let mut origins: BTreeMap<&str, Vec<&VoucherId>> = BTreeMap::new();
        for (id, held) in &book.vouchers {
            let fits = held.is_free() && filter.accepts(&held.aim, held.place, held.at, now);
            if fits && (suspects || held.refused == 0) {
                origins.entry(&held.origin).or_default().push(id);
            }
        }
        let origins: Vec<_> = origins.into_values().collect();
        let fitting: usize = origins.iter().map(Vec::len).sum();
        if fitting >= wanted {
            let mut random = |bound| random::below(bound);
            let chosen = fewest(origins, wanted, &mut random);
            return Ok(chosen.into_iter().cloned().collect());
        }
        if suspects {
            return Err(Error::new(
                Kind::VouchersInsufficient,
                "the wallet has not enough vouchers that the payment accepts",
            )
            .with("required", amount)
            .with("fitting", fitting));
        }
    }
    unreachable!("the second round returns in any case")
}

/// So many of these, of as few origins as possible. There must be as many.
///
/// Each origin is drawn from those with which the fewest can still be reached; for the last one,
/// those that it uses up come first, as a remainder of an odd size is easier to recognise.
fn fewest<T>(
    mut origins: Vec<Vec<T>>,
    amount: usize,
    random: &mut impl FnMut(u32) -> u32,
) -> Vec<T> {
    let mut below = |bound: usize| random(u32::try_from(bound).unwrap_or(u32::MAX)) as usize;
    let mut chosen = Vec::with_capacity(amount);
    while chosen.len() < amount {
        let missing = amount - chosen.len();
        origins.sort_by_key(|origin| std::cmp::Reverse(origin.len()));
        let mut sum = 0;
        let needed = origins.iter().take_while(|origin| {
            let more = sum < missing;
            sum += origin.len();
            more
        });
        let needed = needed.count();
        // What the largest bring when one of the needed is another: itself not counted twice.
        let largest: usize = origins.iter().take(needed - 1).map(Vec::len).sum();
        let last = origins.get(needed - 1).map_or(0, Vec::len);
        let suffices = |(index, origin): (usize, &Vec<T>)| {
            let others = match index < needed - 1 {
                true => largest - origin.len() + last,
                false => largest,
            };
            (origin.len() + others >= missing).then_some(index)
        };
        let mut candidates: Vec<_> = origins.iter().enumerate().filter_map(suffices).collect();
        let exact = |index: &usize| origins[*index].len() == missing;
        if needed == 1 && candidates.iter().any(exact) {
            candidates.retain(exact);
        }
        let mut origin = origins.swap_remove(candidates[below(candidates.len())]);
        while chosen.len() < amount && !origin.is_empty() {
            let index = below(origin.len());
            chosen.push(origin.swap_remove(index));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_amount_of_as_few_origins_as_can_be(
            sizes in proptest::collection::vec(1_usize..12, 1..8),
            share in 0.0..=1.0_f64,
            seed: u32,
        ) {
            let total: usize = sizes.iter().sum();
            let amount = (total as f64 * share) as usize;
            let origins = sizes.iter().enumerate();
            let origins = origins.map(|(origin, size)| (0..*size).map(|n| (origin, n)).collect());
            let mut state = seed;
            let mut random = |bound| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) % bound
            };
            let chosen = fewest(origins.collect(), amount, &mut random);
            let distinct: std::collections::BTreeSet<_> = chosen.iter().collect();
            prop_assert_eq!(distinct.len(), amount);
            let used: std::collections::BTreeSet<_> =
                chosen.iter().map(|(origin, _)| origin).collect();
            let mut sorted = sizes.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let mut sum = 0;
            let least = sorted.iter().take_while(|size| {
                let more = sum < amount;
                sum += **size;
                more
            });
            prop_assert_eq!(used.len(), least.count());
        }
    }

    #[test]
    fn every_equal_choice_comes_up_and_an_exact_one_comes_first() {
        let origins = || vec![vec!['a'; 5], vec!['b'; 5], vec!['c'; 9]];
        let pick = |amount| {
            let picks = (0..200).map(|_| fewest(origins(), amount, &mut random::below)[0]);
            picks.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(pick(3), ['a', 'b', 'c'].into());
        assert_eq!(pick(5), ['a', 'b'].into());
        assert_eq!(pick(6), ['c'].into());
    }
}
