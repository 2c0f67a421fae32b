//! Which part of the files one of several runs does.

use std::str::FromStr;

/// Every N-th file, beginning with the I-th: neighbours, which are often alike, are dealt out evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    number: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('/')
            .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)))
            .filter(|&(number, of)| (1..=of).contains(&number))
            .map(|(number, of)| Self { number, of })
            .ok_or_else(|| {
                format!(
                    "'{text}' is not a shard; give its number and how many there are: 1/8, 2/8, up to 8/8"
                )
            })
    }
}

impl Shard {
    /// Whether the file at `index` of all files, from 0, belongs to it.
    pub fn takes(self, index: usize) -> bool {
        index % self.of == self.number - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_one_shard_and_shards_are_balanced() {
        let shards: Vec<Shard> = (1..=8).map(|i| format!("{i}/8").parse().unwrap()).collect();
        let mut sizes = [0; 8];
        for index in 0..83 {
            let takers: Vec<usize> = (0..8).filter(|&i| shards[i].takes(index)).collect();
            assert_eq!(takers.len(), 1, "{index}");
            sizes[takers[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (10..=11).contains(size)), "{sizes:?}");
    }

    #[test]
    fn what_is_no_shard_says_what_to_give() {
        for text in ["0/8", "9/8", "x/y", "2", "1/0", "0/0", "-1/8", "2/8/1", ""] {
            let message = text.parse::<Shard>().unwrap_err();
            assert!(message.contains("1/8, 2/8"), "{message}");
        }
    }
}
