//! Calling a provider: again after what may pass, with growing pauses, until a deadline.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::provider::{ErrorClass, ProviderError};

/// Pauses between tries and looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// After the first failure; each further one doubles it.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
    /// Between the first looks whether something is ready; grows with the wait, up to a hundred times that.
    pub look: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(10),
            look: Duration::from_millis(100),
        }
    }
}

impl Pauses {
    /// Until the next look, having waited so long: a twentieth of that, so that looking adds little to what
    /// takes long; up to a hundred times the first.
    pub(super) fn after(&self, waited: Duration) -> Duration {
        (waited / 20).clamp(self.look, self.look * 100)
    }

    /// Before try `number` (from 1): between half and the whole of the doubled pause, so that many don't
    /// come back at the same moment; throttled calls wait four times as long.
    pub(super) fn before(&self, number: u32, class: ErrorClass) -> Duration {
        let factor = if class == ErrorClass::Throttled { 4 } else { 1 };
        let whole = (self.first * factor).saturating_mul(1 << number.saturating_sub(1).min(16));
        whole.min(self.longest).mul_f64(rand::random_range(0.5..=1.0))
    }
}

/// Repeats a call that changes nothing, or that is safe to repeat, until it is answered, refused or late.
pub(super) async fn repeat<'a, T>(
    pauses: &Pauses,
    deadline: Instant,
    mut call: impl FnMut() -> BoxFuture<'a, Result<T, ProviderError>>,
    mut again: impl FnMut(&ProviderError),
) -> Result<T, ProviderError> {
    let mut number = 0;
    loop {
        let error = match tokio::time::timeout_at(deadline, call()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if error.class == ErrorClass::Refused => return Err(error),
            Ok(Err(error)) => error,
            Err(_) => return Err(late("no answer")),
        };
        number += 1;
        let pause = pauses.before(number, error.class);
        if Instant::now() + pause >= deadline {
            return Err(error);
        }
        again(&error);
        tokio::time::sleep(pause).await;
    }
}

/// The deadline has passed; nobody knows what became of it.
pub(super) fn late(what: &str) -> ProviderError {
    ProviderError::unknown(format!("{what} before its deadline"))
        .with_hint("run the same command again: it goes on where this one stopped")
}
