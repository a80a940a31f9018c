//! What has to stand before there are threads: the engine, where its run goes on, and what is first in its rings.

use super::clock;
use super::monitor::Monitor;
use super::publisher_thread::Gate;
use super::resume::{self, Resumed, Steps};
use super::snapshots::{self, Snapshots, Taken, Wish};
use super::states::{Asked, Known, States, states};
use super::wiring::{Rings, begin, signal_names, strategy_names};
use super::workers::Engine;
use crate::config::Settings;
use crate::stop::Stop;
use anyhow::Result;
use crossbeam_channel::Sender;
use tickloom_core::OutputHash;
use tickloom_types::Seq;
use tickloom_wire::RunPosition;

/// What has to stand before there are threads.
pub(super) struct Ready {
    pub(super) engine: Engine,
    pub(super) hash: OutputHash,
    pub(super) monitor: Monitor,
    pub(super) recording: Option<Resumed>,
}

impl Ready {
    /// Makes the engine and, if the run is recorded, brings it to where the journal ends.
    pub(super) fn new(settings: &Settings, stop: &Stop) -> Result<Ready> {
        let mut engine = Engine::new(&settings.core, settings.workers)?;
        let mut hash = OutputHash::new();
        let mut monitor = Monitor::new(
            engine.instruments().clone(),
            signal_names(settings),
            strategy_names(settings),
        );
        let recording = match &settings.record.dir {
            None => None,
            Some(dir) => {
                let steps = Steps {
                    engine: &mut engine,
                    hash: &mut hash,
                    monitor: &mut monitor,
                };
                Some(resume::open(dir, settings, steps, stop)?)
            }
        };
        monitor.hand_over(clock::now());
        Ok(Ready {
            engine,
            hash,
            monitor,
            recording,
        })
    }

    /// Both rings, with the first records of the session in them.
    pub(super) fn rings(&self, settings: &Settings) -> Result<Rings> {
        let recording = self.recording.as_ref();
        let last_order = recording.map_or(0, |resumed| resumed.last_order.into());
        let mut rings = Rings::new(settings, recording.is_some())?;
        begin(settings, &mut rings.input, last_order);
        Ok(rings)
    }

    /// Where snapshots of a recorded run come from and go, and who is asked for them.
    pub(super) fn snapshots(&self) -> (Option<Snapshots>, Option<Sender<Taken>>, Wish) {
        let Some(resumed) = &self.recording else {
            return (None, None, Wish::default());
        };
        let (snapshots, taken, wish) = Snapshots::new(snapshots::Known {
            run: resumed.run.clone(),
            inputs: resumed.inputs,
            session: resumed.session,
            retracted: resumed.retracted.clone(),
        });
        (Some(snapshots), Some(taken), wish)
    }

    /// What a recorded run may publish.
    pub(super) fn gate(&self, settings: &Settings) -> Option<Gate> {
        let resumed = self.recording.as_ref()?;
        Some(Gate::new(&resumed.promise, settings.publish.when))
    }

    /// Where the state comes from and goes to, with the one before the first record, which is at `next`.
    pub(super) fn states(&self, next: RunPosition) -> (Asked, States) {
        states(Known {
            next,
            state: self.engine.state(),
        })
    }

    /// Sequence of the first record that the input ring will carry.
    pub(super) fn first_seq(&self) -> Seq {
        self.recording
            .as_ref()
            .map_or(0, |resumed| resumed.session.start.inputs)
    }
}
