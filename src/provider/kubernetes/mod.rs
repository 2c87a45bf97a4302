//! Kubernetes as a target: any object of any kind, secrets whose values stay where they are kept, and operators
//! that Helm brings.
//!
//! The only place that names kube. Objects are written by server-side apply under the field manager `vvbill`, so
//! the API server itself knows which fields are ours: only those are compared, and what a controller writes is left
//! to it. The client of a cluster is made when a verb first needs it, since the cluster may come in the same apply.

mod apply;
mod client;
mod cluster;
mod compare;
mod error;
mod helm;
mod identity;
mod object;
mod ownership;
mod pods;
mod preflight;
mod provider;
mod quantity;
mod readiness;
mod secret;
mod standing;
mod value;

pub use client::Clusters;
pub use cluster::{Cluster, EksCluster, KubeconfigCluster};
pub use helm::HelmRelease;
pub use object::KubernetesObject;
pub use pods::Pod;
pub use provider::Kubernetes;
pub use secret::SecretObject;
pub use value::SecretSource;

/// The first part of the addresses of what this provider makes.
pub const NAME: &str = "kubernetes";

/// The name under which the API server notes which fields are ours.
pub const FIELD_MANAGER: &str = "vvbill";
