//! The administrator's password of each shard.
//!
//! RDS makes and keeps it itself where it can. It can't for a global database, and what comes from a file or
//! the environment has to stand where proxies and pods can read it: then it is a secret of this plan, with a
//! copy in the second region.

use super::super::{Layout, Place};
use super::{SECTION, Shard, in_region};
use crate::provider::aws::{DbMasterSecret, Replica};
use crate::resource::{Address, Field, Ref};
use crate::spec::{Aurora, SecretReference, Tier};

/// What a cluster is told of it.
pub(super) struct Password {
    pub(super) reference: Option<String>,
    pub(super) secret: Option<Ref<String>>,
    pub(super) version: Option<Ref<String>>,
}

impl Layout<'_> {
    /// The secret, where it is this plan's.
    pub(super) fn master_secret(&mut self, aurora: &Aurora, place: &Place<'_>, shard: &Shard) {
        if !place.primary || !self.has_own_secret(aurora) {
            return;
        }
        let address = place.address("db_master_secret", &shard.name);
        let source = match &aurora.master_password {
            SecretReference::Managed => None,
            reference => Some(reference.to_string()),
        };
        let secret = DbMasterSecret {
            name: self.named(&format!("{}-master", shard.name)),
            description: format!("the administrator of {}", shard.identifier),
            username: aurora.master_username.clone(),
            source,
            kms_key: None,
            replica: self.replica(),
            tags: self.tags(&address),
        };
        self.add(&address, &secret, SECTION, "aurora.master_password");
    }

    pub(super) fn password(&self, aurora: &Aurora, place: &Place<'_>, shard: &str) -> Password {
        let secret = |output| {
            let primary = self.spec.regions.as_ref().map(|it| it.primary.as_str());
            let region = primary.unwrap_or(place.region);
            let address = Address::new(super::super::NAME, region, "db_master_secret", shard);
            Ref::output(&address, output)
        };
        let first = place.primary;
        if self.has_own_secret(aurora) {
            return Password {
                reference: None,
                secret: Some(secret(if first { "arn" } else { "replica_arn" })),
                version: first.then(|| secret("version")),
            };
        }
        let named = match &aurora.master_password {
            SecretReference::SecretsManager(name) => Some(in_region(name, place.region)),
            _ => None,
        };
        Password {
            reference: first.then(|| aurora.master_password.to_string()),
            secret: named.map(Ref::Known),
            version: None,
        }
    }

    /// The secret that clients log in with. Where it is this plan's it stays the same, whatever changes about
    /// the cluster.
    pub(super) fn login(&self, aurora: &Aurora, place: &Place<'_>, shard: &Shard) -> Ref<String> {
        self.shard_login(aurora, place, &shard.name).0
    }

    /// The same for what runs on the cluster, and what tells that the password is another one.
    pub(in crate::topology::aws) fn shard_login(
        &self,
        aurora: &Aurora,
        place: &Place<'_>,
        shard: &str,
    ) -> (Ref<String>, Option<Ref<String>>) {
        let password = self.password(aurora, place, shard);
        let told = || place.output("db_cluster", shard, "secret_arn");
        (password.secret.unwrap_or_else(told), password.version)
    }

    fn has_own_secret(&self, aurora: &Aurora) -> bool {
        match aurora.master_password {
            SecretReference::Managed => self.spans_regions(),
            SecretReference::SecretsManager(_) => false,
            _ => true,
        }
    }

    fn replica(&self) -> Field<Replica> {
        let secondary = || self.spec.regions.as_ref()?.secondary.as_ref();
        match secondary().filter(|secondary| secondary.runs.contains(&Tier::Database)) {
            None => Field::Absent,
            Some(secondary) => Field::Value(Replica {
                region: secondary.name.clone(),
                kms_key: None,
            }),
        }
    }
}
