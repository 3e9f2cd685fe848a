//! One step's dice and time: what is drawn and stamped inside a step comes from the simulator's own seed and
//! clock, so that a run can be repeated.
//!
//! [`super::state::Shared::act`] enters a step; everything that needs chance or the time asks here, through
//! [`super::clock`] for the time. Outside a step the operating system answers.

use std::cell::RefCell;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

thread_local! {
    static STEP: RefCell<Option<Step>> = const { RefCell::new(None) };
}

struct Step {
    dice: StdRng,
    now: u64,
}

/// Does something as one step; gives the dice back.
pub(crate) fn within<R>(dice: StdRng, now: u64, act: impl FnOnce() -> R) -> (R, Option<StdRng>) {
    STEP.set(Some(Step { dice, now }));
    let result = act();
    (result, STEP.take().map(|step| step.dice))
}

/// New dice, thrown by the step's.
pub(crate) fn rng() -> StdRng {
    STEP.with_borrow_mut(|step| step.as_mut().map(|step| StdRng::from_rng(&mut step.dice)))
        .unwrap_or_else(rand::make_rng)
}

/// A random value.
pub(crate) fn random<T>() -> T
where
    rand::distr::StandardUniform: rand::distr::Distribution<T>,
{
    rng().random()
}

/// The step's time, in seconds since 1970; `None` outside a step.
pub(super) fn now() -> Option<u64> {
    STEP.with_borrow(|step| step.as_ref().map(|step| step.now))
}
