//! Good bytes made worse, reproducibly.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Longest input, bytes.
const LONGEST: usize = 1 << 20;
/// Bytes at the edges of what fits.
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'['];

/// FNV-1a: names files and seeds, nothing more.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Makes inputs out of seeds.
pub struct Mutator<'a> {
    chance: SmallRng,
    seeds: &'a [Vec<u8>],
    words: &'a [&'a str],
}

impl<'a> Mutator<'a> {
    /// For one decoder; `words` are bits of its language.
    pub fn new(name: &str, seeds: &'a [Vec<u8>], words: &'a [&'a str]) -> Self {
        Self { chance: SmallRng::seed_from_u64(hash(name.as_bytes())), seeds, words }
    }

    fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { self.chance.random_range(0..bound) }
    }

    /// The next input.
    pub fn next(&mut self) -> Vec<u8> {
        let mut bytes = match self.seeds.len() {
            0 => Vec::new(),
            count => {
                let which = self.below(count);
                self.seeds[which].clone()
            }
        };
        for _ in 0..=self.below(6) {
            self.mutate(&mut bytes);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let (from, to) = (self.below(length), self.below(length));
        let (from, to) = (from.min(to), from.max(to));
        match self.below(10) {
            0 if length > 0 => bytes[from] ^= 1 << self.below(8),
            1 if length > 0 => bytes[from] = EDGES[self.below(EDGES.len())],
            2 if length > 0 => bytes[from] = self.chance.random(),
            3 => bytes.truncate(from),
            4 if length > 0 => drop(bytes.drain(from..to)),
            // A piece again, now and then very often: depth and length.
            5 if length > 0 => {
                let piece = bytes[from..to.min(from + 64)].to_vec();
                let times = if self.below(50) == 0 { 2_000 } else { 1 + self.below(4) };
                let repeated = piece.repeat(times);
                bytes.splice(from..from, repeated);
            }
            6 => {
                let noise: Vec<u8> = (0..self.below(32)).map(|_| self.chance.random()).collect();
                bytes.splice(from..from, noise);
            }
            // Half of another seed.
            7 if !self.seeds.is_empty() => {
                let other = &self.seeds[self.chance.random_range(0..self.seeds.len())];
                let cut = self.chance.random_range(0..=other.len());
                bytes.truncate(from);
                bytes.extend_from_slice(&other[cut..]);
            }
            8 if !self.words.is_empty() => {
                let word = self.words[self.chance.random_range(0..self.words.len())];
                bytes.splice(from..from, word.bytes());
            }
            _ => {
                // A number made larger than anything.
                let digits = bytes.iter().position(u8::is_ascii_digit).unwrap_or(from);
                bytes.splice(digits..digits, b"99999999999999999999".iter().copied());
            }
        }
    }
}
