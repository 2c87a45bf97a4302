//! Where clients inside the cluster's network reach what runs there.

use super::buffer::sentinel_addresses;
use super::kafka::bootstrap;
use super::{Place, places};
use crate::endpoints::Redis;
use crate::spec::{SecretReference, Spec, Tier};

fn primary(spec: &Spec, tier: Tier) -> Option<Place<'_>> {
    places(spec)
        .into_iter()
        .find(|place| place.primary && place.runs(tier))
}

/// Kafka's bootstrap servers in the primary region.
pub(in crate::topology) fn kafka(spec: &Spec) -> Vec<String> {
    let kafka = spec
        .kafka
        .as_ref()
        .filter(|_| primary(spec, Tier::Kafka).is_some());
    kafka.map(bootstrap).into_iter().collect()
}

/// The buffer in the primary region, where Sentinels watch it.
pub(in crate::topology) fn buffer(spec: &Spec) -> Option<Redis> {
    let buffer = spec.buffer.as_ref()?;
    primary(spec, Tier::Buffer)?;
    let sentinel = buffer.sentinel.as_ref()?;
    let password = buffer.auth.as_ref().map(|auth| match auth {
        SecretReference::Managed => format!("secretsmanager:{}-buffer-auth", &*spec.metadata.name),
        elsewhere => elsewhere.to_string(),
    });
    Some(Redis {
        sentinels: sentinel_addresses(sentinel)
            .split(',')
            .map(str::to_owned)
            .collect(),
        master_name: sentinel.master_name.clone(),
        password,
    })
}
