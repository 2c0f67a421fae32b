//! How far a mean could have come out otherwise with other persons. Plain arithmetic.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// How often persons are drawn.
const DRAWS: usize = 2000;
/// Shares of the draws below and above the interval: 95 % lie in it.
const TAILS: f64 = 0.025;

/// The 95 % interval of the mean of `values`, each of the person named beside it: a bootstrap that draws persons, since pictures
/// of one are alike (Efron, 1979). `None` of fewer than two persons. The same values give the same interval.
pub fn interval<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> Option<(f64, f64)> {
    let mut persons: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (person, value) in values {
        let (sum, count) = persons.entry(person).or_default();
        *sum += value;
        *count += 1.0;
    }
    let persons: Vec<(f64, f64)> = persons.into_values().collect();
    if persons.len() < 2 {
        return None;
    }
    let mut rng = Pcg64::seed_from_u64(0);
    let mut draw = || {
        let drawn = (0..persons.len()).map(|_| persons[rng.random_range(0..persons.len())]);
        let (sum, count) = drawn.fold((0.0, 0.0), |(s, c), (sum, count)| (s + sum, c + count));
        sum / count
    };
    let mut means: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
    means.sort_by(f64::total_cmp);
    let tail = (DRAWS as f64 * TAILS) as usize;
    Some((means[tail], *means.iter().nth_back(tail)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_wide_as_theory_says_and_narrower_with_more_persons() {
        // A coin's mean over n persons deviates by 0.5 / sqrt(n); 95 % lie within 1.96 of that.
        for n in [100, 400] {
            let names: Vec<String> = (0..n).map(|i| format!("person {i}")).collect();
            let values = names
                .iter()
                .enumerate()
                .map(|(i, name)| (name.as_str(), f64::from(i as u32 % 2)));
            let (low, high) = interval(values).unwrap();
            let expected = 1.96 * 0.5 / f64::from(n).sqrt();
            for half in [0.5 - low, high - 0.5] {
                assert!((half / expected - 1.0).abs() < 0.15, "{half} for {expected}");
            }
        }
    }

    #[test]
    fn many_pictures_of_one_person_count_as_one() {
        let one = (0..50).map(|_| ("a", 1.0)).chain([("b", 0.0)]);
        let (low, high) = interval(one).unwrap();
        assert_eq!(
            (low, high),
            (0.0, 1.0),
            "sometimes only a, sometimes only b is drawn"
        );
        assert_eq!(interval([("a", 1.0), ("a", 2.0)]), None);
        assert_eq!(interval([]), None);
    }
}
