//! Random numbers of the study: seeded, the same on every machine.

/// SplitMix64, with the distributions that the study needs.
pub struct Draws(u64);

impl Draws {
    /// A stream of its own for each purpose, so that what one strategy draws does not change the world of the next.
    pub fn new(seed: u64, purpose: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Pareto, cut off at both ends: heavy-tailed with a mean that exists.
    pub fn pareto(&mut self, shape: f64, low: f64, high: f64) -> f64 {
        let (from, to) = (low.powf(-shape), high.powf(-shape));
        (from - self.unit() * (from - to)).powf(-1.0 / shape)
    }
}

/// The mean of [`Draws::pareto`].
pub fn pareto_mean(shape: f64, low: f64, high: f64) -> f64 {
    let (from, to) = (low.powf(-shape), high.powf(-shape));
    shape / (shape - 1.0) * (low.powf(1.0 - shape) - high.powf(1.0 - shape)) / (from - to)
}
