//! ACM: certificates, and the wait until one is issued.

mod certificate;
mod certificate_validation;

pub use certificate::Certificate;
pub use certificate_validation::CertificateValidation;

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus};

use super::Region;
use super::error::Call;
use crate::provider::{ProviderError, Readiness};

async fn describe(cloud: &Region, arn: &str) -> Result<Option<CertificateDetail>, ProviderError> {
    let answer = cloud
        .acm()
        .describe_certificate()
        .certificate_arn(arn)
        .send()
        .await;
    let found = answer.or_absent("acm:DescribeCertificate")?;
    Ok(found.and_then(|found| found.certificate))
}

/// Why a certificate won't be issued, in ACM's words; `None` while it may be.
fn failure(certificate: &CertificateDetail) -> Option<Readiness> {
    let status = certificate.status()?;
    let domain = certificate.domain_name().unwrap_or_default();
    match status {
        CertificateStatus::Issued | CertificateStatus::PendingValidation => None,
        CertificateStatus::Failed => {
            let reason = certificate
                .failure_reason()
                .map_or("no reason", |reason| reason.as_str());
            Some(Readiness::Failed(format!(
                "the certificate of {domain} has failed: {reason}"
            )))
        }
        CertificateStatus::ValidationTimedOut => Some(Readiness::Failed(format!(
            "nobody has proved within 72 hours that {domain} is yours (VALIDATION_TIMED_OUT): the parent zone has \
             to name this zone's name servers"
        ))),
        other => Some(Readiness::Failed(format!(
            "the certificate of {domain} is {}",
            other.as_str()
        ))),
    }
}
