//! Tests of the slot. Not within its file, which loom's tests take in as well.

use std::{sync::Arc, time::Duration};

use super::{Slot, Taken};

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
    while slot.is_full() {
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
