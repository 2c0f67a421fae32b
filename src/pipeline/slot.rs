//! A place for one value between two threads: the newest wins, so that delay never grows. Knows no other room.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Holds at most one value. A newer one replaces an older one that nobody took.
#[derive(Debug)]
pub struct Slot<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    closed: bool,
}

/// What came of waiting for a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken<T> {
    /// The newest value.
    Value(T),
    /// None came in time.
    Nothing,
    /// None will come any more.
    Closed,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                value: None,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Slot<T> {
    /// Puts a value in; gives the one that nobody took, whose place it takes. Does nothing once the slot is closed.
    pub fn put(&self, value: T) -> Option<T> {
        let mut state = self.lock();
        let old = if state.closed {
            None
        } else {
            state.value.replace(value)
        };
        drop(state);
        self.changed.notify_all();
        old
    }

    /// Takes the value, waiting for one for at most `timeout`.
    pub fn take(&self, timeout: Duration) -> Taken<T> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if state.closed {
                return Taken::Closed;
            }
            if let Some(value) = state.value.take() {
                return Taken::Value(value);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Nothing;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Takes the value if there is one now.
    pub fn take_now(&self) -> Option<T> {
        self.lock().value.take()
    }

    /// Whether there is a value now.
    pub fn is_full(&self) -> bool {
        self.lock().value.is_some()
    }

    /// Ends all waiting, now and later, and drops what is inside.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let left_over = state.value.take();
        drop(state);
        drop(left_over);
        self.changed.notify_all();
    }

    /// A thread that panicked while it held the lock leaves a whole value: nothing in here can be half done.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const AT_ONCE: Duration = Duration::ZERO;
    /// Far longer than any test machine stalls: only a hang reaches it.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_newest_value_wins_and_the_others_are_counted() {
        let slot = Slot::default();
        let replaced = (0..5).filter_map(|value| slot.put(value)).count();
        assert_eq!(replaced, 4);
        assert_eq!(slot.take(AT_ONCE), Taken::Value(4));
        assert_eq!(slot.take(AT_ONCE), Taken::Nothing);
        assert_eq!(slot.put(7), None, "a value that was taken is not replaced");
        assert_eq!(slot.take_now(), Some(7));
    }

    #[test]
    fn a_slot_is_full_until_its_value_is_taken() {
        let slot = Slot::default();
        assert!(!slot.is_full());
        slot.put(1);
        assert!(slot.is_full());
        slot.take_now();
        assert!(!slot.is_full());
    }

    #[test]
    fn waiting_ends_with_a_value_or_with_closing() {
        let slot = Arc::new(Slot::default());
        let other = slot.clone();
        let waiting = std::thread::spawn(move || (other.take(LONG), other.take(LONG)));
        slot.put("first");
        while slot.lock().value.is_some() {
            std::thread::yield_now();
        }
        slot.close();
        assert_eq!(waiting.join().unwrap(), (Taken::Value("first"), Taken::Closed));
    }

    #[test]
    fn a_closed_slot_keeps_nothing() {
        let slot = Slot::default();
        let value = Arc::new(());
        slot.put(value.clone());
        slot.close();
        slot.put(value.clone());
        assert_eq!(Arc::strong_count(&value), 1);
        assert_eq!(slot.take(LONG), Taken::Closed);
    }

    #[test]
    fn what_is_put_is_taken_or_counted_as_replaced() {
        let slot = Arc::new(Slot::default());
        let other = slot.clone();
        let taker = std::thread::spawn(move || {
            let mut taken = Vec::new();
            while let Taken::Value(value) = other.take(LONG) {
                taken.push(value);
                if value == 9_999 {
                    break;
                }
            }
            taken
        });
        let replaced = (0..10_000).filter_map(|value| slot.put(value)).count();
        let taken = taker.join().unwrap();
        assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "in order");
        assert_eq!(taken.len() + replaced, 10_000);
    }
}
