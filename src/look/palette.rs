//! From numbers to colours: which values get which end of which colour map.

use std::sync::LazyLock;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What a value that is not finite looks like: grey, which no colour map in colours holds.
const NOT_FINITE: [u8; 4] = [128, 128, 128, 255];

/// Steps of a gradient, an even number of them, so that there is a middle: looked up, not computed, for every pixel of every frame.
/// Fine enough that dark values that are lifted by a gamma do not show steps.
const STEPS: usize = 2000;

/// A colour map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ValueEnum)]
pub enum Palette {
    /// Smallest value black, over purple and pink, to the largest, pale yellow; equally bright steps.
    #[default]
    Magma,
    /// From dark blue over green to yellow; equally bright steps, for those who do not see red and green apart as well.
    Viridis,
    /// From black to white.
    Grey,
    /// 0 white, positive values pink, negative ones green; both ends stand for the largest magnitude.
    PinkGreen,
    /// The same in red and blue.
    RedBlue,
}

impl Palette {
    /// What it is called, its colours, whether they begin with what is to stand for the largest value, and whether zero is in its
    /// middle.
    fn parts(self) -> (&'static str, colorous::Gradient, bool, bool) {
        match self {
            Self::Magma => ("magma", colorous::MAGMA, false, false),
            Self::Viridis => ("viridis", colorous::VIRIDIS, false, false),
            Self::Grey => ("grey", colorous::GREYS, true, false),
            Self::PinkGreen => ("pink–green", colorous::PINK_GREEN, true, true),
            Self::RedBlue => ("red–blue", colorous::RED_BLUE, true, true),
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        self.parts().0
    }

    /// The palette that suits values of this range: one with zero in its middle for signed ones, else one from dark to bright.
    pub fn suited_to(range: Range) -> Self {
        if range.smallest < 0.0 && range.largest > 0.0 {
            Self::PinkGreen
        } else {
            Self::Magma
        }
    }

    /// Whether zero is in its middle.
    pub fn is_signed(self) -> bool {
        self.parts().3
    }

    /// Its colours at even steps, made once.
    fn table(self) -> &'static Table {
        static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
            let all = Palette::value_variants().iter();
            all.map(|palette| palette.made()).collect()
        });
        &TABLES[self as usize]
    }

    fn made(self) -> Table {
        let (_, gradient, reversed, _) = self.parts();
        std::array::from_fn(|step| {
            let share = step as f64 / STEPS as f64;
            let colour = gradient.eval_continuous(if reversed { 1.0 - share } else { share });
            [colour.r, colour.g, colour.b, u8::MAX]
        })
    }
}

/// A colour for every step.
type Table = [[u8; 4]; STEPS + 1];

/// A palette made ready for many values.
#[derive(Debug, Clone)]
pub struct Colours {
    table: Table,
    is_signed: bool,
}

impl Colours {
    /// `gamma` bends it: below 1 weak values are seen better, above 1 only strong ones are. At 1 a palette without signs goes evenly
    /// from the smallest value to the largest, and one with signs by the square root of the magnitude, which lets weak maps be
    /// seen beside strong ones.
    pub fn new(palette: Palette, gamma: f32) -> Self {
        let even = palette.table();
        let bent = |share: f32| {
            if palette.is_signed() {
                let part = 2.0 * share - 1.0;
                let bent = if gamma == 1.0 {
                    part.abs().sqrt()
                } else {
                    part.abs().powf(gamma / 2.0)
                };
                0.5 + 0.5 * part.signum() * bent
            } else if gamma == 1.0 {
                share
            } else {
                share.powf(gamma)
            }
        };
        let table = std::array::from_fn(|step| {
            // Also where `gamma` is a number that nobody would choose.
            let share = bent(step as f32 / STEPS as f32).clamp(0.0, 1.0);
            even[(share * STEPS as f32).round() as usize]
        });
        Self {
            table,
            is_signed: palette.is_signed(),
        }
    }

    /// Of a palette as it is.
    pub fn of(palette: Palette) -> Self {
        Self::new(palette, 1.0)
    }

    /// What the two ends of the colours stand for in a range.
    pub fn ends(&self, range: Range) -> (f32, f32) {
        if self.is_signed {
            let most = range.magnitude();
            (-most, most)
        } else {
            (range.smallest, range.largest)
        }
    }

    /// The opaque colour of `value`; values outside `range` get the colour of its end.
    pub fn colour(&self, value: f32, range: Range) -> [u8; 4] {
        if !value.is_finite() {
            return NOT_FINITE;
        }
        let (low, high) = self.ends(range);
        let share = if high > low {
            // Halved first: the difference of two large numbers may be infinite.
            ((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0)
        } else if self.is_signed {
            0.5
        } else {
            0.0
        };
        self.table[(share * STEPS as f32).round() as usize]
    }
}

/// The smallest and the largest value of what is shown together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    /// The smallest finite value.
    pub smallest: f32,
    /// The largest finite value.
    pub largest: f32,
}

impl Range {
    /// The range of the finite ones of `values`; 0 to 0 when there are none.
    pub fn of(values: &[f32]) -> Self {
        let finite = values.iter().copied().filter(|v| v.is_finite());
        let both = finite.fold(None, |range: Option<(f32, f32)>, v| {
            Some(range.map_or((v, v), |(low, high)| (low.min(v), high.max(v))))
        });
        let (smallest, largest) = both.unwrap_or_default();
        Self { smallest, largest }
    }

    /// The largest magnitude.
    pub fn magnitude(self) -> f32 {
        self.smallest.abs().max(self.largest.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range = Range {
        smallest: -1.0,
        largest: 4.0,
    };

    #[test]
    fn zero_is_the_neutral_middle_of_palettes_with_signs() {
        for gamma in [0.4, 1.0, 2.5] {
            let colours = Colours::new(Palette::PinkGreen, gamma);
            let [r, g, b, a] = colours.colour(0.0, RANGE);
            assert!(r.abs_diff(g) < 4 && g.abs_diff(b) < 4 && r > 230 && a == 255);
            let [r, g, ..] = colours.colour(4.0, RANGE);
            assert!(r > g, "positive is pink");
            let [r, g, ..] = colours.colour(-4.0, RANGE);
            assert!(g > r, "negative is green");
        }
        let colours = Colours::of(Palette::RedBlue);
        let ([r, _, b, _], [nr, _, nb, _]) = (colours.colour(4.0, RANGE), colours.colour(-4.0, RANGE));
        assert!(r > b && nb > nr);
    }

    #[test]
    fn other_palettes_get_brighter_with_every_step() {
        for palette in [Palette::Magma, Palette::Viridis, Palette::Grey] {
            let colours = Colours::of(palette);
            let brightness = |i: u8| {
                let share = f32::from(i) / 64.0;
                let colour = colours.colour(share * 5.0 - 1.0, RANGE);
                2126 * u32::from(colour[0]) + 7152 * u32::from(colour[1]) + 722 * u32::from(colour[2])
            };
            assert!((0..64).all(|i| brightness(i) < brightness(i + 1)), "{palette:?}");
        }
    }

    #[test]
    fn a_small_gamma_lifts_weak_values_and_leaves_the_ends() {
        let range = Range {
            smallest: 0.0,
            largest: 1.0,
        };
        let grey = |gamma, value| Colours::new(Palette::Grey, gamma).colour(value, range)[0];
        assert!(grey(0.5, 0.1) > grey(1.0, 0.1) && grey(1.0, 0.1) > grey(2.0, 0.1));
        for gamma in [0.25, 4.0] {
            assert_eq!(
                (grey(gamma, 0.0), grey(gamma, 1.0)),
                (grey(1.0, 0.0), grey(1.0, 1.0))
            );
        }
    }

    #[test]
    fn values_that_are_not_finite_are_grey_and_do_not_stretch_the_range() {
        let values = [f32::NAN, -2.0, f32::INFINITY, 3.0];
        assert_eq!(
            (Range::of(&values).smallest, Range::of(&values).largest),
            (-2.0, 3.0)
        );
        for &palette in Palette::value_variants() {
            let colours = Colours::of(palette);
            assert_eq!(colours.colour(f32::NAN, RANGE), NOT_FINITE);
            let flat = Range::of(&[f32::NAN]);
            assert_ne!(colours.colour(0.0, flat), NOT_FINITE);
        }
        let widest = Range {
            smallest: f32::MIN,
            largest: f32::MAX,
        };
        let colours = Colours::of(Palette::Magma);
        assert_ne!(colours.colour(f32::MIN, widest), colours.colour(0.0, widest));
    }
}
