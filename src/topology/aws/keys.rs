//! Keys that data is encrypted with. Without its key data is lost, so a key is protected as data is.

use super::{Error, Layout, Place};
use crate::provider::aws::{KmsAlias, KmsKey};
use crate::resource::Ref;
use crate::spec::{Aurora, Tier};

/// What runs in pods: a region that runs none of these has no cluster to encrypt for.
const TIERS_IN_PODS: [Tier; 4] = [Tier::Api, Tier::Ingest, Tier::Kafka, Tier::Buffer];

impl Layout<'_> {
    pub(super) fn keys(&mut self, place: &Place<'_>) -> Result<(), Error> {
        let spec = self.spec;
        if spec.eks.as_ref().is_some_and(|eks| eks.encrypt_secrets)
            && TIERS_IN_PODS.iter().any(|tier| place.runs(*tier))
        {
            self.key(
                place,
                "eks",
                "the Kubernetes cluster's secrets",
                "eks",
                "eks.encrypt_secrets",
            );
        }
        if spec.aurora.as_ref().is_some_and(has_own_key) && place.runs(Tier::Database) {
            self.key(
                place,
                "database",
                "the shards' storage, snapshots and insights",
                "aurora",
                "aurora.kms_key",
            );
        }
        if spec.cache.as_ref().is_some_and(|cache| cache.at_rest_encryption) && place.runs(Tier::Cache) {
            self.key(
                place,
                "cache",
                "the cache's disks and snapshots",
                "cache",
                "cache.at_rest_encryption",
            );
        }
        Ok(())
    }

    fn key(&mut self, place: &Place<'_>, name: &str, encrypts: &str, section: &str, origin: &str) {
        let address = place.address("kms_key", name);
        let key = KmsKey {
            description: format!("{}: {encrypts}", self.spec.metadata.name.as_str()),
            enabled: true,
            rotation: true,
            policy: None,
            tags: self.tags(&address),
        };
        self.add(&address, &key, section, origin).protect = true;
        let alias = KmsAlias {
            name: format!("alias/{}", self.named(name)),
            key: Ref::output(&address, "id"),
        };
        self.add(&place.address("kms_alias", name), &alias, section, origin);
    }
}

/// Otherwise it is AWS's own, or one that the plan names.
fn has_own_key(aurora: &Aurora) -> bool {
    aurora.storage_encrypted && aurora.kms_key.as_deref() == Some("managed")
}
