//! The wait until a certificate is issued. It makes nothing and removes nothing: what needs an issued
//! certificate refers to this instead of to the certificate.

use std::time::Duration;

use aws_sdk_acm::types::CertificateStatus;
use serde::{Deserialize, Serialize};

use super::super::Region;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// An issued certificate. The record that proves it is a dependency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateValidation {
    /// ARN of the certificate.
    pub certificate: Ref<String>,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
}

impl Resource for CertificateValidation {
    const KIND: &'static str = "certificate_validation";
    const REPLACE_ON: &'static [&'static str] = &["certificate"];
    const CREATE_FIRST: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["arn"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    /// Minutes, once the world sees the record; a zone that was only just delegated takes longer.
    const DEADLINE: Duration = Duration::from_secs(45 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let found = super::describe(cloud, id).await?;
        Ok(found.map(|_| {
            let certificate = Ref::Known(id.to_owned());
            (Self { certificate }, Outputs { arn: id.into() })
        }))
    }

    async fn find(&self, _cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        Ok(self.certificate.known().cloned())
    }

    async fn create(&self, _cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        self.certificate
            .known()
            .cloned()
            .ok_or_else(|| ProviderError::refused("the certificate is not known"))
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(found) = super::describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        if let Some(failed) = super::failure(&found) {
            return Ok(failed);
        }
        if found.status() == Some(&CertificateStatus::Issued) {
            return Ok(Readiness::Ready);
        }
        let status = found.status().map_or("no status yet", |status| status.as_str());
        let domain = found.domain_name().unwrap_or_default();
        Ok(Readiness::Pending(format!(
            "{status}: ACM looks for the validation record of {domain} in public DNS"
        )))
    }

    async fn update(&self, _cloud: &Region, _id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn delete(_cloud: &Region, _id: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The certificate goes by itself.
    async fn outlives(_cloud: &Region, _id: &str) -> Result<bool, ProviderError> {
        Ok(true)
    }
}
