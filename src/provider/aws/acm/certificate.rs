//! A certificate, proved by DNS. It is ready once the record that proves it is known: being issued is
//! `certificate_validation`'s to wait for, as the record has to stand first.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_acm::types::{CertificateDetail, Tag, ValidationMethod};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, TOKEN_TAG, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// A public certificate that AWS renews as long as its record stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The name that it is for.
    pub domain: String,
    /// Further names. `*.` before the domain is proved by the domain's own record.
    pub alternative_names: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
    validation_name: String,
    validation_type: String,
    validation_value: String,
}

impl Resource for Certificate {
    const KIND: &'static str = "certificate";
    const REPLACE_ON: &'static [&'static str] = &["domain", "alternative_names"];
    /// Listeners hold on to the old one until they have the new.
    const CREATE_FIRST: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] =
        &["arn", "validation_name", "validation_type", "validation_value"];
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
    const DEADLINE: Duration = Duration::from_secs(10 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(found) = super::describe(cloud, id).await? else {
            return Ok(None);
        };
        let Some(tags) = raw_tags(cloud, id).await? else {
            return Ok(None);
        };
        let domain = found.domain_name().unwrap_or_default().to_owned();
        let names = found.subject_alternative_names().iter();
        let (validation_name, validation_type, validation_value) = record(&found).unwrap_or_default();
        let outputs = Outputs {
            arn: id.into(),
            validation_name,
            validation_type,
            validation_value,
        };
        let found = Self {
            // ACM counts the domain among its alternatives.
            alternative_names: names.filter(|name| **name != domain).cloned().collect(),
            domain,
            tags: tags::read(tags.iter().map(|tag| (Some(tag.key()), tag.value()))),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let mut next = None;
        loop {
            let request = cloud
                .acm()
                .list_certificates()
                .max_items(1000)
                .set_next_token(next);
            let page = request.send().await.called("acm:ListCertificates")?;
            let certificates = page.certificate_summary_list.unwrap_or_default();
            let same_domain = certificates
                .iter()
                .filter(|certificate| certificate.domain_name() == Some(&self.domain));
            for arn in same_domain.filter_map(|certificate| certificate.certificate_arn()) {
                let tags = raw_tags(cloud, arn).await?.unwrap_or_default();
                let ours = |tag: &Tag| tag.key() == TOKEN_TAG && tag.value() == Some(token);
                if tags.iter().any(ours) {
                    return Ok(Some(arn.to_owned()));
                }
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(None);
            }
        }
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        // ACM takes letters and digits, 32 at most: a UUID without its hyphens.
        let idempotency: String = token
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(32)
            .collect();
        let names: Vec<String> = self.alternative_names.iter().cloned().collect();
        let request = cloud
            .acm()
            .request_certificate()
            .domain_name(&self.domain)
            .set_subject_alternative_names((!names.is_empty()).then_some(names))
            .validation_method(ValidationMethod::Dns)
            .idempotency_token(idempotency)
            .set_tags(Some(sdk(&tags::with_token(&self.tags, token))?));
        let made = request.send().await.called("acm:RequestCertificate")?;
        made.certificate_arn
            .ok_or_else(|| ProviderError::unknown("acm:RequestCertificate answered without an ARN"))
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(found) = super::describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        if let Some(failed) = super::failure(&found) {
            return Ok(failed);
        }
        Ok(match record(&found) {
            Some(_) => Readiness::Ready,
            None => Readiness::Pending("ACM has not named the validation record yet".into()),
        })
    }

    async fn update(&self, cloud: &Region, id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        let request = cloud
            .acm()
            .add_tags_to_certificate()
            .certificate_arn(id)
            .set_tags(Some(sdk(&self.tags)?));
        request.send().await.called("acm:AddTagsToCertificate").map(drop)
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.acm().delete_certificate().certificate_arn(id).send().await;
        answer.or_absent("acm:DeleteCertificate").map(drop)
    }
}

/// Name, type and value of the record that proves the domain.
fn record(certificate: &CertificateDetail) -> Option<(String, String, String)> {
    let domain = certificate.domain_name();
    let mut options = certificate.domain_validation_options().iter();
    let record = options
        .find(|option| Some(option.domain_name()) == domain)?
        .resource_record()?;
    let bare = |name: &str| name.trim_end_matches('.').to_lowercase();
    Some((
        bare(record.name()),
        record.r#type().as_str().to_owned(),
        bare(record.value()),
    ))
}

async fn raw_tags(cloud: &Region, arn: &str) -> Result<Option<Vec<Tag>>, ProviderError> {
    let answer = cloud
        .acm()
        .list_tags_for_certificate()
        .certificate_arn(arn)
        .send()
        .await;
    let found = answer.or_absent("acm:ListTagsForCertificate")?;
    Ok(found.map(|found| found.tags.unwrap_or_default()))
}

fn sdk(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags: Result<Vec<Tag>, _> = tags.collect();
    tags.map_err(|why| ProviderError::refused(format!("the certificate's tags: {why}")))
}
