//! The interrupts of a person or a supervisor: SIGINT, SIGTERM and SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::Error;
use super::exit::Exit;

/// Interrupts, from when this was made on; before, they end the process as usual.
pub(crate) struct Interrupts([Signal; 3]);

impl Interrupts {
    pub(crate) fn listen() -> Result<Self, Error> {
        let of = |kind| signal(kind).map_err(|why| Error::new("can't listen for interrupts").caused_by(&why));
        Ok(Self([
            of(SignalKind::interrupt())?,
            of(SignalKind::terminate())?,
            of(SignalKind::hangup())?,
        ]))
    }

    /// Waits for the next one. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Runs what changes nothing, and gives it up at the first interrupt.
    pub(crate) async fn or_stop<T>(
        &mut self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            result = work => result,
            () = self.next() => Err(Error::new("interrupted: nothing was changed").exiting(Exit::Interrupted)),
        }
    }
}
