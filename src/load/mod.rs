//! Sends a seeded workload to a running platform and knows what must come of it.
//!
//! [`workload`] makes the events, [`ledger`] what they must add up to, [`send`](mod@send) carries them over HTTP and
//! Kafka, as fast as they are taken or by the clock ([`open`]), [`settlement`] waits until they are durable,
//! [`audit`](mod@audit) compares what the shards hold with the ledger, and [`outcome`] is the whole of it.
//! Sees a platform through its [`Endpoints`](crate::endpoints::Endpoints) alone, prints nothing, and never
//! asks the service how much it has done.

mod accounts;
pub mod audit;
mod clock;
mod http;
mod kafka;
pub mod ledger;
pub mod open;
pub mod outcome;
mod pace;
pub mod secret;
pub mod send;
pub mod settlement;
pub mod shards;
pub mod usage;
pub mod workload;

pub use accounts::Popularity;
pub use ledger::Ledger;
pub use outcome::{Outcome, run};
pub use send::{Options, Progress, Stage};
pub use workload::{Mix, Workload};

/// Why a workload could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The platform lacks something that the workload needs.
    #[error("the platform offers no {what}: apply its plan, then try again")]
    Missing {
        /// The endpoint.
        what: &'static str,
    },
    /// A secret could not be read.
    #[error("cannot read {reference}: {reason}")]
    Secret {
        /// Where it should be; never its value.
        reference: String,
        /// Why not.
        reason: String,
    },
    /// The API did not take what it must, for longer than we wait.
    #[error("{url} took nothing for {seconds} s: {reason}")]
    Api {
        /// Where it was sent.
        url: String,
        /// How long it was tried.
        seconds: u64,
        /// The last answer.
        reason: String,
    },
    /// The API answered in a way that no retry mends.
    #[error("{url} answered {status}: {body}")]
    Answer {
        /// Where it was sent.
        url: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// A shard could not be read.
    #[error("shard {number}: {reason}")]
    Shard {
        /// Its number.
        number: u16,
        /// What Postgres or the connection says.
        reason: String,
    },
    /// What was sent did not become durable.
    #[error("nothing more became durable for {seconds} s: {reason}")]
    Unsettled {
        /// How long it was waited.
        seconds: u64,
        /// What is missing.
        reason: String,
    },
    /// Kafka refused.
    #[error("Kafka at {servers}: {reason}")]
    Kafka {
        /// Bootstrap servers.
        servers: String,
        /// What the client says.
        reason: String,
    },
}

#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod tests;
