//! Tells which maps of a layer have given nothing for a while. Part of the inference thread.

use std::time::{Duration, Instant};

use super::inside::Atlas;

/// A map that is zero everywhere for so long is marked as dead.
const SILENCE_OF_THE_DEAD: Duration = Duration::from_secs(3);
/// Who has not looked for so long cannot say what was there meanwhile.
const LONGEST_LAPSE: Duration = Duration::from_secs(1);

/// When each map of a layer gave something last.
#[derive(Debug, Default)]
pub(super) struct Silence {
    layer: String,
    alive: Vec<Instant>,
    last_look: Option<Instant>,
}

impl Silence {
    /// Marks the maps that have given nothing but zeros for a while, as it is at `now`.
    pub(super) fn mark(&mut self, atlas: &mut Atlas, now: Instant) {
        let last = self.last_look.replace(now);
        let looked_away = last.is_some_and(|last| now.saturating_duration_since(last) > LONGEST_LAPSE);
        if looked_away || self.layer != atlas.layer || self.alive.len() != atlas.shape[0] {
            (self.layer, self.alive) = (atlas.layer.clone(), vec![now; atlas.shape[0]]);
        }
        for channel in &mut atlas.channels {
            let last = &mut self.alive[channel.number];
            if !channel.is_silent() {
                *last = now;
            }
            channel.is_dead = now.saturating_duration_since(*last) > SILENCE_OF_THE_DEAD;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{look::ALL_ROWS, model::LayerMaps, pipeline::Looking};

    #[test]
    fn a_map_is_dead_after_a_while_of_zeros_and_alive_with_its_first_value() {
        let mut silence = Silence::default();
        let start = Instant::now();
        let mut dead = |values: [f32; 2], after: Duration| {
            let maps = LayerMaps {
                name: "layer".into(),
                shape: [2, 1, 1],
                values: values.into(),
            };
            let mut atlas = Atlas::of(&maps, &Looking::default(), ALL_ROWS, None);
            silence.mark(&mut atlas, start + after);
            [atlas.channels[0].is_dead, atlas.channels[1].is_dead]
        };
        for tenths in 0..=30 {
            let time = Duration::from_millis(100) * tenths;
            assert_eq!(dead([0.0, 1.0], time), [false, false], "{time:?}");
        }
        let later = SILENCE_OF_THE_DEAD + Duration::from_millis(200);
        assert_eq!(dead([0.0, 1.0], later), [true, false]);
        assert_eq!(dead([-0.5, 0.0], later), [false, false]);
        // Nobody has looked for long: that it is zero now says nothing of the time between.
        assert_eq!(dead([0.0, 0.0], later * 3), [false, false]);
    }
}
