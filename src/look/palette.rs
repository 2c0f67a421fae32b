//! From numbers to colours: which values get which end of which colour map.

use std::sync::LazyLock;

use crate::model::LayerMaps;

/// What a value that is not finite looks like: grey, which neither colour map holds.
const NOT_FINITE: [u8; 4] = [128, 128, 128, 255];

/// A gradient in as many steps as a channel of a colour has, an even number of them, so that there is a middle: looked up,
/// not computed, for every pixel of every frame.
type Table = [[u8; 4]; STEPS + 1];
const STEPS: usize = 256;
static SEQUENTIAL: LazyLock<Table> = LazyLock::new(|| table(colorous::MAGMA));
static DIVERGING: LazyLock<Table> = LazyLock::new(|| table(colorous::PINK_GREEN));

fn table(gradient: colorous::Gradient) -> Table {
    std::array::from_fn(|step| {
        let colour = gradient.eval_rational(step, STEPS + 1);
        [colour.r, colour.g, colour.b, u8::MAX]
    })
}

/// The colour at `share`, 0 to 1.
fn at(table: &Table, share: f32) -> [u8; 4] {
    table[(share * STEPS as f32).round() as usize]
}

/// How values become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Palette {
    /// Smallest value black, over purple and pink, to the largest, pale yellow; equally bright steps.
    #[default]
    Sequential,
    /// 0 white, positive values pink, negative ones green; both ends stand for the largest magnitude, and colours go by
    /// the square root of the share of it.
    Diverging,
}

impl Palette {
    /// The palette that suits a layer: diverging for signed values, sequential for those of one sign.
    pub fn suited_to(maps: &LayerMaps) -> Self {
        let range = Range::of(&maps.values);
        if range.smallest < 0.0 && range.largest > 0.0 {
            Self::Diverging
        } else {
            Self::Sequential
        }
    }

    /// The opaque colour of `value`; values outside `range` get the colour of its end.
    pub fn colour(self, value: f32, range: Range) -> [u8; 4] {
        if !value.is_finite() {
            return NOT_FINITE;
        }
        let share = |low: f32, high: f32| {
            if high > low {
                // Halved first: the difference of two large numbers may be infinite.
                ((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0)
            } else {
                0.0
            }
        };
        match self {
            Self::Sequential => at(&SEQUENTIAL, share(range.smallest, range.largest)),
            Self::Diverging => {
                let most = range.smallest.abs().max(range.largest.abs());
                let part = if most > 0.0 {
                    (value / most).clamp(-1.0, 1.0)
                } else {
                    0.0
                };
                // The square root lets weak maps be seen beside strong ones, and keeps their order.
                let positive = 0.5 + 0.5 * part.signum() * part.abs().sqrt();
                at(&DIVERGING, 1.0 - positive)
            }
        }
    }
}

/// The smallest and the largest value of what is shown together.
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range = Range {
        smallest: -1.0,
        largest: 4.0,
    };

    #[test]
    fn zero_is_the_neutral_middle_of_the_diverging_map() {
        let [r, g, b, a] = Palette::Diverging.colour(0.0, RANGE);
        assert!(r.abs_diff(g) < 4 && g.abs_diff(b) < 4 && r > 230 && a == 255);
        let [r, g, ..] = Palette::Diverging.colour(4.0, RANGE);
        assert!(r > g, "positive is pink");
        let [r, g, ..] = Palette::Diverging.colour(-4.0, RANGE);
        assert!(g > r, "negative is green");
    }

    #[test]
    fn the_sequential_map_gets_brighter_with_every_step() {
        let brightness = |i: u8| {
            let share = f32::from(i) / 64.0;
            let colour = Palette::Sequential.colour(share * 5.0 - 1.0, RANGE);
            2126 * u32::from(colour[0]) + 7152 * u32::from(colour[1]) + 722 * u32::from(colour[2])
        };
        assert!((0..64).all(|i| brightness(i) < brightness(i + 1)));
    }

    #[test]
    fn values_that_are_not_finite_are_grey_and_do_not_stretch_the_range() {
        let values = [f32::NAN, -2.0, f32::INFINITY, 3.0];
        assert_eq!(
            (Range::of(&values).smallest, Range::of(&values).largest),
            (-2.0, 3.0)
        );
        for palette in [Palette::Sequential, Palette::Diverging] {
            assert_eq!(palette.colour(f32::NAN, RANGE), NOT_FINITE);
            let flat = Range::of(&[f32::NAN]);
            assert_ne!(palette.colour(0.0, flat), NOT_FINITE);
        }
        let widest = Range {
            smallest: f32::MIN,
            largest: f32::MAX,
        };
        assert_ne!(
            Palette::Sequential.colour(f32::MIN, widest),
            Palette::Sequential.colour(0.0, widest)
        );
    }
}
