//! Inputs from inputs.

use fastrand::Rng;

/// Numbers at which decoders go wrong.
const NUMBERS: [u64; 12] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Changes an input at some places: bits, bytes, numbers of all widths, pieces of itself and of others. It gets no longer than
/// `longest`.
pub fn mutate(input: &mut Vec<u8>, pool: &[Vec<u8>], longest: usize, rng: &mut Rng) {
    for _ in 0..rng.usize(1..=4) {
        once(input, pool, rng);
    }
    input.truncate(longest);
}

fn once(input: &mut Vec<u8>, pool: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(0..=input.len());
    let end = (at + length(rng)).min(input.len());
    match rng.u8(0..9) {
        0 if at < input.len() => input[at] ^= 1 << rng.u8(0..8),
        1 if at < input.len() => input[at] = rng.u8(..),
        2 if at < input.len() => input[at] = input[at].wrapping_add(rng.u8(0..7)).wrapping_sub(3),
        3 => drop(input.drain(at..end)),
        4 => {
            let bytes: Vec<u8> = (0..length(rng)).map(|_| rng.u8(..)).collect();
            input.splice(at..at, bytes);
        }
        5 => {
            let piece = input[at..end].to_vec();
            let to = rng.usize(0..=input.len());
            input.splice(to..to, piece);
        }
        6 => {
            // Another input, from some place to some place.
            let other = &pool[rng.usize(0..pool.len())];
            let from = rng.usize(0..=other.len());
            let to = (from + 4 * length(rng)).min(other.len());
            let replaced = if rng.bool() { at..end } else { at..at };
            input.splice(replaced, other[from..to].iter().copied());
        }
        _ => {
            let number = NUMBERS[rng.usize(0..NUMBERS.len())];
            let (big, little) = (number.to_be_bytes(), number.to_le_bytes());
            let width = 1 << rng.u32(0..4);
            let bytes = if rng.bool() {
                &big[8 - width..]
            } else {
                &little[..width]
            };
            let end = (at + width).min(input.len());
            input.splice(at..end, bytes.iter().copied());
        }
    }
}

/// Mostly short.
fn length(rng: &mut Rng) -> usize {
    1 << rng.u32(0..6)
}
