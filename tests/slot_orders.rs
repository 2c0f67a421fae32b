//! The slot between threads, in every order that its operations can come in: loom runs each of them. Its source is taken in with
//! loom's locks in the place of the standard library's.

/// What the slot's source finds in its parent module: here, loom's.
mod sync {
    pub use loom::sync::{Condvar, Mutex, MutexGuard};
    pub use std::sync::PoisonError;
}
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../src/pipeline/slot.rs"]
mod slot;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use loom::{sync::Arc, thread};
use slot::{Slot, Taken};

/// Under loom, no time passes: this never ends.
const LONG: Duration = Duration::from_secs(3600);

/// Runs a scene in every order, and says in how many.
fn in_every_order(name: &str, scene: impl Fn() + Send + Sync + 'static) {
    let orders = std::sync::Arc::new(AtomicUsize::new(0));
    let count = orders.clone();
    loom::model(move || {
        count.fetch_add(1, Ordering::Relaxed);
        scene();
    });
    println!("{name}: {} orders", orders.load(Ordering::Relaxed));
}

/// Takes until the slot is closed.
fn all_of(slot: &Slot<u32>) -> Vec<u32> {
    let mut taken = Vec::new();
    while let Taken::Value(value) = slot.take(LONG) {
        taken.push(value);
    }
    taken
}

#[test]
fn a_value_is_taken_once_or_given_back_and_the_last_one_is_never_lost() {
    in_every_order("one puts, one takes", || {
        let slot = Arc::new(Slot::default());
        let other = slot.clone();
        let taker = thread::spawn(move || {
            let mut taken = Vec::new();
            while taken.last() != Some(&3) {
                match other.take(LONG) {
                    Taken::Value(value) => taken.push(value),
                    Taken::Nothing | Taken::Closed => unreachable!("it is not closed"),
                }
            }
            taken
        });
        let replaced: Vec<u32> = (1..=3).filter_map(|value| slot.put(value)).collect();
        let taken = taker.join().unwrap();
        assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "{taken:?}");
        let mut all = [taken, replaced].concat();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    });
}

#[test]
fn closing_wakes_everybody_who_waits() {
    in_every_order("two take, one puts and closes", || {
        let slot = Arc::new(Slot::default());
        let takers = [slot.clone(), slot.clone()].map(|slot| thread::spawn(move || all_of(&slot)));
        slot.put(1);
        slot.close();
        let taken = takers.map(|taker| taker.join().unwrap()).concat();
        assert!(taken.len() <= 1, "{taken:?}");
        assert_eq!(slot.put(2), None);
        assert!(!slot.is_full());
    });
}

#[test]
fn of_two_who_put_nobody_waits_and_nothing_is_doubled() {
    in_every_order("two put, one takes", || {
        let slot = Arc::new(Slot::default());
        let putters = [10, 20].map(|value| {
            let slot = slot.clone();
            thread::spawn(move || slot.put(value))
        });
        let first = slot.take(LONG);
        let replaced = putters.map(|putter| putter.join().unwrap());
        let left = slot.take_now();
        let Taken::Value(first) = first else {
            unreachable!("it is not closed")
        };
        let mut all: Vec<u32> = replaced
            .into_iter()
            .flatten()
            .chain(left)
            .chain([first])
            .collect();
        all.sort_unstable();
        assert_eq!(all, [10, 20]);
    });
}
