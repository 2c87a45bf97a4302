//! Certificates: one for the domain and what is right below it in each place that needs one, and the one
//! record that proves them all, as ACM names the same for the same domain in any region.

use std::collections::BTreeSet;

use super::{Error, Layout, Place, global};
use crate::provider::aws::{Certificate, CertificateValidation, DnsRecord, NAME};
use crate::resource::{Address, Ref};
use crate::spec::{Edge, Spec};

/// Where CloudFront's certificates have to be.
pub(super) const CLOUDFRONT_REGION: &str = "us-east-1";

const MANAGED: &str = "managed";

/// ACM looks for it every few minutes, for as long as the certificate is to be renewed.
const RECORD_TTL_SECONDS: i64 = 300;

impl Layout<'_> {
    /// The certificate of this place's listeners, where one of them asks for it.
    pub(super) fn listener_certificate(&mut self, place: &Place<'_>) -> Result<(), Error> {
        if !listeners_are_managed(self.spec) {
            return Ok(());
        }
        let edge = self.spec.edge.as_ref().ok_or(Error::Missing {
            section: "load_balancer",
            needs: "edge",
        })?;
        let certificate = place.address("certificate", "main");
        let validation = place.address("certificate_validation", "main");
        self.managed_certificate(edge, &certificate, &validation, "load_balancer");
        Ok(())
    }

    /// The certificate of the distribution; the answer is what refers to it once it is issued.
    pub(super) fn cloudfront_certificate(
        &mut self,
        edge: &Edge,
        names: &BTreeSet<String>,
    ) -> Result<Option<Ref<String>>, Error> {
        let Some(cloudfront) = edge.cloudfront.as_ref().filter(|_| !names.is_empty()) else {
            return Ok(None);
        };
        let field = "edge.cloudfront.certificate";
        if let Some(given) = cloudfront.certificate.as_deref().filter(|it| *it != MANAGED) {
            return of_region(given, CLOUDFRONT_REGION, field).map(Some);
        }
        for name in names {
            covered(edge, name, field)?;
        }
        let certificate = Address::new(NAME, CLOUDFRONT_REGION, "certificate", "cloudfront");
        let validation = Address::new(NAME, CLOUDFRONT_REGION, "certificate_validation", "cloudfront");
        self.managed_certificate(edge, &certificate, &validation, "edge");
        Ok(Some(Ref::output(&validation, "arn")))
    }

    fn managed_certificate(
        &mut self,
        edge: &Edge,
        certificate: &Address,
        validation: &Address,
        section: &str,
    ) {
        let wanted = Certificate {
            domain: edge.domain.clone(),
            alternative_names: BTreeSet::from([format!("*.{}", edge.domain)]),
            tags: self.tags(certificate),
        };
        self.add(certificate, &wanted, section, "edge.domain");
        let wanted = CertificateValidation {
            certificate: Ref::output(certificate, "arn"),
        };
        let record = global("dns_record", "validation");
        let added = self.add(validation, &wanted, section, "edge.domain");
        added.depends_on.insert(record);
    }

    /// The record that proves every certificate, from the words of the one at `certificate`.
    pub(super) fn validation_record(&mut self, certificate: &Address) {
        let record = DnsRecord {
            zone: Ref::output(&global("hosted_zone", "main"), "id"),
            name: Ref::output(certificate, "validation_name"),
            kind: "CNAME".into(),
            ttl_seconds: Some(RECORD_TTL_SECONDS),
            values: [Ref::output(certificate, "validation_value")]
                .into_iter()
                .collect(),
            alias: None,
            set_identifier: None,
            failover: None,
            region: None,
            health_check: None,
        };
        let address = global("dns_record", "validation");
        self.add(&address, &record, "edge", "edge.domain");
    }
}

/// Whether a listener's certificate is to be made.
pub(super) fn listeners_are_managed(spec: &Spec) -> bool {
    let balancer = spec.load_balancer.iter();
    let mut listeners = balancer.flat_map(|balancer| balancer.listeners.values());
    listeners.any(|listener| listener.certificate.as_deref() == Some(MANAGED))
}

/// The ARN of a certificate that somebody else keeps; AWS uses it in its own region only.
pub(super) fn of_region(arn: &str, region: &str, field: &str) -> Result<Ref<String>, Error> {
    let fix = format!("write `{MANAGED}`, or the ARN of a certificate in {region}");
    let refuse = |why: String| {
        let (field, fix) = (field.to_owned(), fix.clone());
        Err(Error::Unusable { field, why, fix })
    };
    match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "acm", there, ..] if there == region => Ok(Ref::Known(arn.into())),
        ["arn", _, "acm", there, ..] => refuse(format!(
            "the certificate is in {there}, and is needed in {region}"
        )),
        _ => refuse(format!("`{arn}` is no ARN of an ACM certificate")),
    }
}

/// A managed certificate is for the domain and the names with one more label.
pub(super) fn covered(edge: &Edge, name: &str, field: &str) -> Result<(), Error> {
    let domain = &edge.domain;
    let label = name
        .strip_suffix(domain.as_str())
        .and_then(|it| it.strip_suffix('.'));
    if name == domain || label.is_some_and(|label| !label.contains('.')) {
        return Ok(());
    }
    Err(Error::Unusable {
        field: field.into(),
        why: format!("a managed certificate is for {domain} and *.{domain}, which {name} is not among"),
        fix: "name the ARN of a certificate of your own, or choose a name right below the domain".into(),
    })
}
