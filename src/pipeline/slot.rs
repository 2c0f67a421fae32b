//! A place for one value between two threads: the newest wins, so that delay never grows. Knows no other room.

use std::time::{Duration, Instant};

// The standard library's; in tests/slot_orders.rs those of loom, which runs every order of what threads do.
use super::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
