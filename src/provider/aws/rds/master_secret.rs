//! The administrator's name and password of a shard in two regions, in the form that RDS' proxies read: RDS
//! manages no password of a global database. A second region gets a copy of it.

use std::collections::HashMap;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput as Found;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, StatusType, Tag};
use rand::RngExt;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Region;
use super::super::error::Call;
use super::super::secretsmanager::SecretValue;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Field, Ref};

/// Letters and digits: any client takes them without quoting. 238 bits.
const LENGTH: usize = 40;
const USERNAME_TAG: &str = "vvbill:username";
const SOURCE_TAG: &str = "vvbill:source";
/// That tag's value where the password was made up.
const MADE_UP: &str = "generated";

/// A name and a password. They leave Secrets Manager for nobody but cluster, proxy and application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbMasterSecret {
    /// Its name.
    pub name: String,
    /// What the console shows of it.
    pub description: String,
    /// The administrator.
    pub username: String,
    /// Where the password comes from: `env:NAME` or `file:PATH`, read when it is made and when this changes.
    /// Unset: it is made up.
    #[serde(default)]
    pub source: Option<String>,
    /// ARN of the key; unset: AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Ref<String>>,
    /// The copy in a second region.
    #[serde(default, skip_serializing_if = "Field::is_unmanaged")]
    pub replica: Field<Replica>,
    /// Its tags.
    pub tags: Tags,
}

/// A copy that AWS keeps up to date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// Such as `eu-west-1`.
    pub region: String,
    /// ARN of a key there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<Ref<String>>,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
    version: String,
    replica_arn: Option<String>,
}

impl Named for DbMasterSecret {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for DbMasterSecret {
    const KIND: &'static str = "db_master_secret";
    const REPLACE_ON: &'static [&'static str] = &["name", "username"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["arn", "replica_arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let found = describe(cloud, id).await?;
        Ok(found.map(|found| read(id, &found)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud.secretsmanager().create_secret();
        let request = request
            .name(&self.name)
            .description(&self.description)
            .set_kms_key_id(super::optional(self.kms_key.as_ref()))
            .secret_string(self.text(cloud).await?)
            .set_add_replica_regions(self.replica_regions())
            .set_tags(Some(self.all_tags()));
        let made = request.send().await.or_taken("secretsmanager:CreateSecret");
        match made.map_err(leaving)? {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(found) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        let Some(copy) = found.replication_status().first() else {
            return Ok(Readiness::Ready);
        };
        let region = copy.region().unwrap_or_default();
        Ok(match copy.status() {
            Some(StatusType::Failed) => Readiness::Failed(format!(
                "its copy in {region}: {}",
                copy.status_message().unwrap_or("no reason given")
            )),
            Some(StatusType::InProgress) => Readiness::Pending(format!("being copied to {region}")),
            _ => Readiness::Ready,
        })
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let secrets = cloud.secretsmanager();
        if super::touched(changes, &["source"]) {
            let request = secrets.put_secret_value().secret_id(id);
            let answer = request.secret_string(self.text(cloud).await?).send().await;
            answer.called("secretsmanager:PutSecretValue")?;
        }
        // Afterwards, as one says where the value is from.
        if super::touched(changes, &["tags", "source"]) {
            let request = secrets.tag_resource().secret_id(id);
            let answer = request.set_tags(Some(self.all_tags())).send().await;
            answer.called("secretsmanager:TagResource")?;
        }
        if super::touched(changes, &["description", "kms_key"]) {
            let request = secrets.update_secret().secret_id(id);
            let request = request
                .description(&self.description)
                .set_kms_key_id(super::optional(self.kms_key.as_ref()));
            request.send().await.called("secretsmanager:UpdateSecret")?;
        }
        if super::touched(changes, &["replica"]) {
            uncopy(cloud, id).await?;
            if let Some(regions) = self.replica_regions() {
                let request = secrets.replicate_secret_to_regions().secret_id(id);
                let answer = request.set_add_replica_regions(Some(regions)).send().await;
                answer.called("secretsmanager:ReplicateSecretToRegions")?;
            }
        }
        Ok(())
    }

    /// At once: what it opened is gone by then, and its name is free for the next.
    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        uncopy(cloud, id).await?;
        let request = cloud.secretsmanager().delete_secret().secret_id(id);
        let answer = request.force_delete_without_recovery(true).send().await;
        answer.or_absent("secretsmanager:DeleteSecret").map(drop)
    }
}

impl DbMasterSecret {
    fn all_tags(&self) -> Vec<Tag> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = self.tags.iter().map(|(key, value)| tag(key, value));
        let source = self.source.as_deref().unwrap_or(MADE_UP);
        let held = [tag(USERNAME_TAG, &self.username), tag(SOURCE_TAG, source)];
        tags.chain(held).collect()
    }

    /// What is kept: in the form that proxies read.
    async fn text(&self, cloud: &Region) -> Result<String, ProviderError> {
        let password: String = match &self.source {
            Some(source) => SecretValue::from(Some(source), cloud).await?.expose().to_owned(),
            None => {
                let letters = rand::rng().sample_iter(Alphanumeric).take(LENGTH);
                letters.map(char::from).collect()
            }
        };
        Ok(json!({ "username": self.username, "password": password }).to_string())
    }

    fn replica_regions(&self) -> Option<Vec<ReplicaRegionType>> {
        let Field::Value(replica) = &self.replica else {
            return None;
        };
        let region = ReplicaRegionType::builder()
            .region(&replica.region)
            .set_kms_key_id(super::optional(replica.kms_key.as_ref()));
        Some(vec![region.build()])
    }
}

async fn describe(cloud: &Region, id: &str) -> Result<Option<Found>, ProviderError> {
    let answer = cloud
        .secretsmanager()
        .describe_secret()
        .secret_id(id)
        .send()
        .await;
    let found = answer.or_absent("secretsmanager:DescribeSecret")?;
    Ok(found.filter(|found| found.deleted_date().is_none()))
}

/// Ends its copies: it can't be deleted while it has one.
async fn uncopy(cloud: &Region, id: &str) -> Result<(), ProviderError> {
    let Some(found) = describe(cloud, id).await? else {
        return Ok(());
    };
    let copies = found.replication_status().iter();
    let regions: Vec<String> = copies.filter_map(|copy| copy.region.clone()).collect();
    if regions.is_empty() {
        return Ok(());
    }
    let request = cloud
        .secretsmanager()
        .remove_regions_from_replication()
        .secret_id(id);
    let answer = request.set_remove_replica_regions(Some(regions)).send().await;
    answer
        .or_absent("secretsmanager:RemoveRegionsFromReplication")
        .map(drop)
}

/// The name of one that was just deleted is free a moment later.
fn leaving(error: ProviderError) -> ProviderError {
    if error.message.contains("scheduled for deletion") {
        return ProviderError::transient(error.message);
    }
    error
}

fn current(stages: Option<&HashMap<String, Vec<String>>>) -> Option<String> {
    let now = |stages: &[String]| stages.iter().any(|stage| stage == "AWSCURRENT");
    let mut versions = stages?.iter();
    versions
        .find(|(_, stages)| now(stages))
        .map(|(version, _)| version.clone())
}

fn read(id: &str, found: &Found) -> (DbMasterSecret, Outputs) {
    let mut tags = tags::read(found.tags().iter().map(|tag| (tag.key(), tag.value())));
    let copy = found.replication_status().first();
    let arn = found.arn().unwrap_or_default().to_owned();
    let region = |copy: &aws_sdk_secretsmanager::types::ReplicationStatusType| {
        copy.region().unwrap_or_default().to_owned()
    };
    let outputs = Outputs {
        version: current(found.version_ids_to_stages()).unwrap_or_default(),
        replica_arn: copy.map(|copy| in_region(&arn, &region(copy))),
        arn,
    };
    let secret = DbMasterSecret {
        name: id.into(),
        description: found.description().unwrap_or_default().to_owned(),
        username: tags.remove(USERNAME_TAG).unwrap_or_default(),
        source: tags.remove(SOURCE_TAG).filter(|source| source != MADE_UP),
        kms_key: found.kms_key_id().map(|key| Ref::Known(key.to_owned())),
        replica: copy.map_or(Field::Absent, |copy| {
            Field::Value(Replica {
                region: region(copy),
                kms_key: copy.kms_key_id.clone().map(Ref::Known),
            })
        }),
        tags,
    };
    (secret, outputs)
}

/// A copy's ARN is the original's, but for the region.
fn in_region(arn: &str, region: &str) -> String {
    let mut parts: Vec<&str> = arn.split(':').collect();
    if let Some(part) = parts.get_mut(3) {
        *part = region;
    }
    parts.join(":")
}
