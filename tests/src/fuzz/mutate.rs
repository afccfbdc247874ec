//! Making bad input out of good.

use super::{Rng, Target};

/// The longest input that is made, unless a seed is longer.
const LONGEST: usize = 64 * 1024;

/// Input `number` of a run: first nothing at all, then each seed as it is, then mutated ones.
pub fn input(target: &Target, seeds: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    let Some(index) = number.checked_sub(1) else {
        return Vec::new();
    };
    if let Some(untouched) = usize::try_from(index).ok().and_then(|at| seeds.get(at)) {
        return untouched.clone();
    }
    let mut rng = Rng::new(seed, target.name, number);
    let mut data = match seeds {
        [] => Vec::new(),
        _ if rng.one_in(64) => noise(&mut rng, 256),
        seeds => rng.pick(seeds).clone(),
    };
    let longest = data.len().max(LONGEST);
    let rounds = 1 << rng.below(6);
    for _ in 0..rounds {
        change(&mut rng, &mut data, seeds, target.words);
        data.truncate(longest);
    }
    if let Some(mend) = target.mend
        && !rng.one_in(4)
    {
        mend(&mut data);
    }
    data
}

fn change(rng: &mut Rng, data: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&[u8]]) {
    match rng.below(13) {
        0 => flip_bit(rng, data),
        1 => set_byte(rng, data),
        2 => set_number(rng, data),
        3 => set_digits(rng, data),
        4 => cut(rng, data),
        5 => data.truncate(rng.below(data.len() + 1)),
        6 => repeat(rng, data),
        7 => swap(rng, data),
        8 => {
            let bytes = noise(rng, 16);
            insert(rng, data, &bytes);
        }
        9 | 10 if !words.is_empty() => {
            let word = rng.pick(words);
            if rng.one_in(2) {
                insert(rng, data, word);
            } else {
                overwrite(rng, data, word);
            }
        }
        11 if !seeds.is_empty() => splice(rng, data, seeds),
        _ => flip_bit(rng, data),
    }
}

fn flip_bit(rng: &mut Rng, data: &mut [u8]) {
    let at = rng.below(data.len());
    if let Some(byte) = data.get_mut(at) {
        *byte ^= 1 << rng.below(8);
    }
}

fn set_byte(rng: &mut Rng, data: &mut [u8]) {
    const TELLING: &[u8] = b"\x00\x01\x7f\x80\xfe\xff\n\r\t \"'<>&{}[],;:/\\0-";
    let at = rng.below(data.len());
    if let Some(byte) = data.get_mut(at) {
        *byte = if rng.one_in(2) {
            *rng.pick(TELLING)
        } else {
            rng.byte()
        };
    }
}

/// An edge of an integer of 1 to 8 bytes, in either order.
fn set_number(rng: &mut Rng, data: &mut [u8]) {
    let width = *rng.pick(&[1, 2, 4, 8]);
    let ones = u64::MAX >> (64 - 8 * width);
    let value = match rng.below(6) {
        0 => 0,
        1 => ones,
        2 => ones >> 1,
        3 => (ones >> 1) + 1,
        4 => 1 << rng.below(8 * width),
        _ => rng.next() % 512,
    };
    let mut bytes = value.to_le_bytes()[..width].to_vec();
    if rng.one_in(2) {
        bytes.reverse();
    }
    overwrite(rng, data, &bytes);
}

/// Another number where one is written out.
fn set_digits(rng: &mut Rng, data: &mut Vec<u8>) {
    const EDGES: &[&[u8]] = &[
        b"0",
        b"-0",
        b"-1",
        b"00000000000000000001",
        b"59",
        b"60",
        b"99",
        b"0.1",
        b"1e999",
        b"-1e-999",
        b"1E3",
        b"NaN",
        b"2147483648",
        b"4294967296",
        b"253402300800",
        b"9007199254740993",
        b"9223372036854775807",
        b"-9223372036854775808",
        b"18446744073709551616",
        b"340282366920938463463374607431768211456",
        b"179.99999999999999999999999999999999999999999999999999999999999999999999",
    ];
    let from = rng.below(data.len());
    let Some(start) = data[from..].iter().position(u8::is_ascii_digit) else {
        return;
    };
    let start = from + start;
    let len = data[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let edge = rng.pick(EDGES);
    data.splice(start..start + len, edge.iter().copied());
}

fn cut(rng: &mut Rng, data: &mut Vec<u8>) {
    let (start, end) = range(rng, data.len());
    data.drain(start..end);
}

/// A stretch again, some or very many times: deep nesting, long lists, large tables.
fn repeat(rng: &mut Rng, data: &mut Vec<u8>) {
    let (start, end) = range(rng, data.len());
    let stretch = data[start..end].to_vec();
    if stretch.is_empty() {
        return;
    }
    let times = match rng.below(8) {
        0 => LONGEST / stretch.len(),
        1 => 200,
        _ => 1 + rng.below(4),
    };
    let many = stretch.repeat(times.min(LONGEST / stretch.len() + 1));
    data.splice(end..end, many);
}

fn swap(rng: &mut Rng, data: &mut Vec<u8>) {
    let (start, end) = range(rng, data.len());
    let stretch: Vec<u8> = data.drain(start..end).collect();
    insert(rng, data, &stretch);
}

fn splice(rng: &mut Rng, data: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let other = rng.pick(seeds);
    if rng.one_in(2) {
        data.truncate(rng.below(data.len() + 1));
        data.extend_from_slice(&other[rng.below(other.len())..]);
    } else {
        let (start, end) = range(rng, other.len());
        insert(rng, data, &other[start..end]);
    }
}

fn insert(rng: &mut Rng, data: &mut Vec<u8>, bytes: &[u8]) {
    let at = rng.below(data.len() + 1);
    data.splice(at..at, bytes.iter().copied());
}

fn overwrite(rng: &mut Rng, data: &mut [u8], bytes: &[u8]) {
    let at = rng.below(data.len());
    for (old, new) in data[at..].iter_mut().zip(bytes) {
        *old = *new;
    }
}

fn noise(rng: &mut Rng, most: usize) -> Vec<u8> {
    (0..rng.below(most + 1)).map(|_| rng.byte()).collect()
}

/// A stretch within `len`, mostly a short one.
fn range(rng: &mut Rng, len: usize) -> (usize, usize) {
    let start = rng.below(len);
    let most = if rng.one_in(4) { len } else { 64 };
    let end = (start + 1 + rng.below(most)).min(len);
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target = Target {
        name: "nothing",
        run: |_| {},
        seeds: || vec![b"{\"n\": 17}".to_vec(), b"[]".to_vec()],
        words: &[b"null"],
        mend: Some(|data| data.push(b'!')),
    };

    #[test]
    fn one_number_makes_one_input() {
        let seeds = (TARGET.seeds)();
        assert!(input(&TARGET, &seeds, 7, 0).is_empty());
        assert_eq!(input(&TARGET, &seeds, 7, 2), b"[]");
        let many = |seed| (3..2_000).map(move |n| input(&TARGET, &(TARGET.seeds)(), seed, n));
        assert!(many(7).eq(many(7)));
        assert!(many(7).zip(many(8)).any(|(a, b)| a != b));
        assert!(many(7).all(|data| data.len() <= LONGEST + 1));
    }

    #[test]
    fn inputs_differ_and_some_are_mended() {
        let seeds = (TARGET.seeds)();
        let mut all: Vec<_> = (3..2_000).map(|n| input(&TARGET, &seeds, 1, n)).collect();
        let mended = all.iter().filter(|data| data.ends_with(b"!")).count();
        assert!((1_300..1_700).contains(&mended), "{mended}");
        all.sort();
        all.dedup();
        assert!(all.len() > 1_600, "{}", all.len());
    }

    #[test]
    fn nothing_to_mutate_is_no_trouble() {
        for number in 0..500 {
            input(&TARGET, &[], 3, number);
            input(&TARGET, &[Vec::new()], 3, number);
        }
    }
}
