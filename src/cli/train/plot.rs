//! The loss curve in characters: Braille dots for training, round marks for validation, on a logarithmic scale. Pure functions from
//! numbers to lines of text.

use console::Style;

/// Dots of a character, across and down.
const DOTS: (usize, usize) = (2, 4);
/// Characters left of the curve: numbers, a blank, and the axis.
const AXIS: usize = 9;
/// Lines below the curve: the numbers of steps, and what the marks are.
const BELOW: usize = 2;
/// Narrower or lower terminals have no curve, characters.
const LEAST: (usize, usize) = (50, 16);
/// Wider or higher ones have no larger curve.
const MOST: (usize, usize) = (140, 20);

/// What is drawn.
pub struct Plot<'a> {
    /// Training loss of every step.
    pub losses: &'a [f32],
    /// Validation loss after so many steps.
    pub validation: &'a [(usize, f64)],
}

/// Characters that a curve may take on a terminal of so many columns and rows; `None` where it is too small for one. More than
/// half of the lines stay for others.
pub fn size_on((columns, rows): (usize, usize)) -> Option<(usize, usize)> {
    let fits = columns >= LEAST.0 && rows >= LEAST.1;
    // A full line would be broken by some terminals.
    fits.then(|| ((columns - 1).min(MOST.0), (rows / 2).min(MOST.1)))
}

impl Plot<'_> {
    /// The lines; nothing before the second step.
    pub fn draw(&self, (width, height): (usize, usize)) -> String {
        let (columns, rows) = (width.saturating_sub(AXIS), height.saturating_sub(BELOW));
        let Some(range) = self
            .range()
            .filter(|_| self.losses.len() > 1 && columns > 0 && rows > 1)
        else {
            return String::new();
        };
        let mut cells = vec![vec![Cell::default(); columns]; rows];
        self.draw_training(&mut cells, range);
        self.draw_validation(&mut cells, range);
        let mut text = String::new();
        for (row, line) in cells.iter().enumerate() {
            let number = match row {
                0 => number(range.1),
                _ if row == rows - 1 => number(range.0),
                _ if row == rows / 2 && rows > 4 => {
                    let share = (rows - 1 - row) as f64 / (rows - 1) as f64;
                    number(range.0 * (range.1 / range.0).powf(share))
                }
                _ => String::new(),
            };
            text += &format!("{number:>7} │{}\n", shown(line));
        }
        let last = format!("step {}", self.losses.len());
        text += &format!("{:>7} └{last:─>columns$}\n", "");
        text += &format!("{:>AXIS$}{}", "", self.legend());
        text
    }

    fn legend(&self) -> String {
        let mut legend = format!("{} training loss", training().apply_to("⠒⠒"));
        if !self.validation.is_empty() {
            legend += &format!("   {} validation loss", validation().apply_to("●"));
        }
        legend
    }

    /// The smallest and the largest loss that can be drawn, apart from each other.
    fn range(&self) -> Option<(f64, f64)> {
        let losses = self.losses.iter().map(|&loss| f64::from(loss));
        let all = losses.chain(self.validation.iter().map(|&(_, loss)| loss));
        let drawn = all.filter(|loss| is_drawn(*loss));
        let (low, high) = drawn.fold((f64::MAX, 0f64), |(low, high), loss| {
            (low.min(loss), high.max(loss))
        });
        let enough = high / low > 1.05;
        (low <= high).then_some(if enough {
            (low, high)
        } else {
            (low / 1.05, high * 1.05)
        })
    }

    fn draw_training(&self, cells: &mut [Vec<Cell>], range: (f64, f64)) {
        let across = cells[0].len() * DOTS.0;
        let last = self.losses.len() - 1;
        let mut before = None;
        for column in 0..across {
            // The steps that this column of dots stands for, one at least.
            let edge = |column: usize| column * (last + 1) / across;
            let steps = edge(column)..edge(column + 1).max(edge(column) + 1);
            let drawn: Vec<f64> = self.losses[steps]
                .iter()
                .map(|&loss| f64::from(loss))
                .filter(|loss| is_drawn(*loss))
                .collect();
            if drawn.is_empty() {
                before = None;
                continue;
            }
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let at = height_of(mean, range, cells.len() * DOTS.1);
            let from = before.unwrap_or(at);
            for y in from.min(at)..=from.max(at) {
                // The way there belongs to both columns; the dot itself to this one.
                cells[y / DOTS.1][column / DOTS.0].dot(column % DOTS.0, y % DOTS.1);
            }
            before = Some(at);
        }
    }

    fn draw_validation(&self, cells: &mut [Vec<Cell>], range: (f64, f64)) {
        let (columns, steps) = (cells[0].len(), self.losses.len().max(1));
        for &(step, loss) in self.validation.iter().filter(|(_, loss)| is_drawn(*loss)) {
            let row = height_of(loss, range, cells.len() * DOTS.1) / DOTS.1;
            let column = (step.saturating_sub(1) * columns / steps).min(columns - 1);
            cells[row][column].marked = true;
        }
    }
}

/// A logarithm is drawn of what is above 0.
fn is_drawn(loss: f64) -> bool {
    loss.is_finite() && loss > 0.0
}

/// Dots from the top of `height` of them.
fn height_of(loss: f64, (low, high): (f64, f64), height: usize) -> usize {
    let share = (loss / low).ln() / (high / low).ln();
    ((1.0 - share.clamp(0.0, 1.0)) * (height - 1) as f64).round() as usize
}

/// One character of the curve.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    dots: u8,
    marked: bool,
}

impl Cell {
    fn dot(&mut self, x: usize, y: usize) {
        /// Bits of the dots in Unicode's Braille patterns, column by column.
        const BITS: [[u8; DOTS.1]; DOTS.0] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        self.dots |= BITS[x][y];
    }

    fn character(self) -> char {
        /// The pattern without dots.
        const BLANK: u32 = 0x2800;
        match self {
            Self { marked: true, .. } => '●',
            Self { dots: 0, .. } => ' ',
            Self { dots, .. } => char::from_u32(BLANK + u32::from(dots)).unwrap_or(' '),
        }
    }
}

/// A line in its colours, which change as rarely as can be.
fn shown(line: &[Cell]) -> String {
    let runs = line.chunk_by(|a, b| a.marked == b.marked);
    runs.map(|run| {
        let text: String = run.iter().map(|cell| cell.character()).collect();
        let style = if run[0].marked { validation() } else { training() };
        style.apply_to(text).to_string()
    })
    .collect()
}

/// Colours are left out where NO_COLOR or the terminal asks for that.
fn training() -> Style {
    Style::new().for_stderr().magenta()
}

fn validation() -> Style {
    Style::new().for_stderr().cyan().bold()
}

/// In seven characters at most.
fn number(value: f64) -> String {
    match value {
        0.001..10.0 => format!("{value:.4}"),
        10.0..1000.0 => format!("{value:.1}"),
        1000.0..1e7 => format!("{value:.0}"),
        _ => format!("{value:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(losses: &[f32], validation: &[(usize, f64)], size: (usize, usize)) -> Vec<String> {
        let text = Plot { losses, validation }.draw(size);
        text.lines()
            .map(|line| console::strip_ansi_codes(line).into_owned())
            .collect()
    }

    #[test]
    fn a_loss_that_falls_by_tens_is_a_straight_line() {
        let losses: Vec<f32> = (0..60).map(|step| 10f32.powf(-step as f32 / 20.0)).collect();
        let lines = lines(&losses, &[], (AXIS + 30, 12));
        assert_eq!(lines.len(), 12);
        assert!(
            lines.iter().all(|line| line.chars().count() <= AXIS + 30),
            "{lines:?}"
        );
        assert!(
            lines[0].contains("1.0000") && lines[9].contains("0.0011"),
            "{lines:?}"
        );
        let first_dots: Vec<usize> = lines[..10]
            .iter()
            .map(|line| line.chars().skip(AXIS).position(|c| c != ' ').unwrap())
            .collect();
        for (row, place) in first_dots.iter().enumerate() {
            assert!(place.abs_diff(row * 3) <= 1, "{lines:#?}");
        }
    }

    #[test]
    fn validation_is_marked_where_it_belongs() {
        let lines = lines(&[0.5; 100], &[(50, 1.0), (100, 0.01)], (AXIS + 20, 10));
        let place = |line: &str| line.chars().skip(AXIS).position(|c| c == '●');
        assert_eq!(
            (place(&lines[0]), place(&lines[7])),
            (Some(9), Some(19)),
            "{lines:#?}"
        );
        assert!(
            lines[9].contains("validation loss"),
            "told apart without colours: {lines:#?}"
        );
    }

    #[test]
    fn odd_numbers_and_sizes_draw_what_can_be_drawn() {
        for losses in [&[f32::NAN, f32::INFINITY, -1.0, 0.0][..], &[1.0], &[]] {
            assert!(lines(losses, &[], (80, 12)).is_empty(), "{losses:?}");
        }
        for size in [(0, 0), (AXIS, 12), (80, 2), (AXIS + 1, 5), (400, 90)] {
            lines(
                &[1.0, f32::NAN, 1.0, 1e30, 1e-30],
                &[(9, 2.0), (0, f64::NAN)],
                size,
            );
        }
        assert_eq!(
            lines(&[0.5; 9], &[], (40, 8)).len(),
            8,
            "one that does not change"
        );
    }

    #[test]
    fn a_small_terminal_has_no_curve_and_a_usual_one_half_of_its_lines() {
        assert_eq!(size_on((80, 24)), Some((79, 12)));
        assert_eq!(size_on((400, 100)), Some(MOST));
        assert_eq!((size_on((49, 50)), size_on((80, 15))), (None, None));
    }
}
