//! Memory of large values that were handed out, for the next ones. Knows no other room.

use std::sync::Arc;

/// Values shared out lately; those that everybody has done with can be used again.
#[derive(Debug)]
pub struct Recycled<T> {
    /// The newest first.
    shared: Vec<Arc<T>>,
}

/// More values than are under way at a time: one in each of three slots, one each with the net, a search, the thread that
/// prepares scenes, and the window, and one that it is about to take. Whoever keeps a value for longer keeps it for himself.
const UNDER_WAY: usize = 9;

impl<T> Default for Recycled<T> {
    fn default() -> Self {
        Self { shared: Vec::new() }
    }
}

impl<T> Recycled<T> {
    /// Shares a value out, and remembers it.
    pub fn share(&mut self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        self.shared.truncate(UNDER_WAY - 1);
        self.shared.insert(0, value.clone());
        value
    }

    /// A value that nobody else has any more.
    pub fn done_with(&mut self) -> Option<T> {
        let oldest_first = (0..self.shared.len()).rev();
        let mut free = oldest_first.filter(|&index| Arc::strong_count(&self.shared[index]) == 1);
        let value = self.shared.remove(free.next()?);
        Arc::into_inner(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_not_given_out_again_and_the_oldest_free_value_is_first() {
        let mut recycled = Recycled::default();
        let (first, second, third) = (recycled.share(1), recycled.share(2), recycled.share(3));
        assert_eq!(recycled.done_with(), None);
        drop((first, third));
        assert_eq!(recycled.done_with(), Some(1));
        assert_eq!(recycled.done_with(), Some(3));
        drop(second);
        assert_eq!(recycled.done_with(), Some(2));
        assert_eq!(recycled.done_with(), None);
    }

    #[test]
    fn values_that_are_kept_for_long_are_forgotten() {
        let mut recycled = Recycled::default();
        let kept: Vec<_> = (0..3 * UNDER_WAY).map(|value| recycled.share(value)).collect();
        drop(kept);
        let again = std::iter::from_fn(|| recycled.done_with()).count();
        assert_eq!(again, UNDER_WAY);
    }
}
