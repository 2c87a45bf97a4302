//! Buckets and image repositories, and the secret that goes with no store of AWS's own: the buffer's.

use serde_json::{Value, json};

use super::names::fitting;
use super::{Error, Layout, Place};
use crate::provider::aws::{EcrRepository, PolicyDocument, S3Bucket, Secret};
use crate::resource::Field;
use crate::spec::{BUNDLED, LoadBalancer, LoadBalancerKind, SecretReference, Tier};

/// A bucket's name has 63 characters, of which the account's number and its hyphen take 13.
const BUCKET_PREFIX_AT_MOST: usize = 50;
/// As long as the control plane's logs.
const ACCESS_LOG_DAYS: i32 = 90;
/// Enough to go back to, however often it is built.
const IMAGES_KEPT: u32 = 50;
const UNTAGGED_IMAGE_DAYS: u32 = 14;

impl Layout<'_> {
    pub(super) fn storage(&mut self, place: &Place<'_>) -> Result<(), Error> {
        self.images(place);
        if place.runs(Tier::Buffer) {
            self.buffer_password(place);
        }
        if let Some(load_balancer) = &self.spec.load_balancer
            && place.runs(Tier::Edge)
        {
            self.access_logs(place, load_balancer);
        }
        Ok(())
    }

    /// Where nodes find the bundled service: each region its own, as a region has to start pods by itself.
    fn images(&mut self, place: &Place<'_>) {
        let bundled = self
            .spec
            .workloads
            .iter()
            .find(|(_, workload)| workload.image == BUNDLED);
        let (section, origin) = match (&self.spec.ingest, bundled) {
            (Some(_), _) if place.runs(Tier::Ingest) => ("ingest", "ingest".to_owned()),
            (_, Some((name, _))) if place.runs(Tier::Api) => ("workloads", format!("workloads.{name}.image")),
            _ => return,
        };
        let address = place.address("ecr_repository", "ingest");
        let repository = EcrRepository {
            name: format!("{}/ingest", self.spec.metadata.name.as_str()),
            immutable_tags: true,
            scan_on_push: true,
            kms_key: None,
            lifecycle_policy: Field::Value(images_that_go()),
            tags: self.tags(&address),
        };
        self.add(&address, &repository, section, &origin).protect = true;
    }

    /// The buffer runs in pods; its password is kept where the cache's is. One that the plan names stays where
    /// it is.
    fn buffer_password(&mut self, place: &Place<'_>) {
        let source = match self.spec.buffer.as_ref().and_then(|buffer| buffer.auth.as_ref()) {
            None | Some(SecretReference::SecretsManager(_) | SecretReference::Literal(_)) => return,
            Some(SecretReference::Managed) => None,
            Some(reference) => Some(reference.to_string()),
        };
        let address = place.address("secret", "buffer-auth");
        let secret = Secret {
            name: self.named("buffer-auth"),
            description: "what clients of the buffer and its Sentinels log in with".into(),
            kms_key: None,
            source,
            // Of no worth without the buffer.
            recovery_days: 0,
            tags: self.tags(&address),
        };
        self.add(&address, &secret, "buffer", "buffer.auth");
    }

    /// Logs go with what they are about; what must outlive it is copied before.
    fn access_logs(&mut self, place: &Place<'_>, load_balancer: &LoadBalancer) {
        let address = place.address("s3_bucket", "access-logs");
        let prefix = self.named(&format!("access-logs-{}", place.region));
        let bucket = S3Bucket {
            bucket_prefix: fitting(&prefix, BUCKET_PREFIX_AT_MOST),
            // Who gets in can't rub out the traces.
            versioning: true,
            // Load balancers write to no bucket with another key than S3's own.
            kms_key: None,
            block_public_access: true,
            ownership: "BucketOwnerEnforced".into(),
            expiration_days: Field::Value(ACCESS_LOG_DAYS),
            policy: Field::Value(written_by(load_balancer.kind, place.region)),
            disposable: true,
            tags: self.tags(&address),
        };
        self.add(&address, &bucket, "load_balancer", "load_balancer");
    }
}

/// Who delivers the logs, and nobody without TLS.
fn written_by(kind: LoadBalancerKind, region: &str) -> PolicyDocument {
    let logs = "arn:aws:s3:::${bucket}/AWSLogs/${account}/*";
    let mut statements = vec![json!({
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::${bucket}", "arn:aws:s3:::${bucket}/*"],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })];
    match kind {
        LoadBalancerKind::Application => statements.push(json!({
            "Sid": "Delivery",
            "Effect": "Allow",
            "Principal": { "Service": "logdelivery.elasticloadbalancing.amazonaws.com" },
            "Action": "s3:PutObject",
            "Resource": logs,
        })),
        LoadBalancerKind::Network => {
            let deliverer = json!({ "Service": "delivery.logs.amazonaws.com" });
            let of_this_account = json!({
                "StringEquals": { "aws:SourceAccount": "${account}" },
                "ArnLike": { "aws:SourceArn": format!("arn:aws:logs:{region}:${{account}}:*") },
            });
            statements.push(json!({
                "Sid": "DeliveryCheck",
                "Effect": "Allow",
                "Principal": deliverer,
                "Action": "s3:GetBucketAcl",
                "Resource": "arn:aws:s3:::${bucket}",
                "Condition": of_this_account,
            }));
            statements.push(json!({
                "Sid": "Delivery",
                "Effect": "Allow",
                "Principal": deliverer,
                "Action": "s3:PutObject",
                "Resource": logs,
                "Condition": of_this_account,
            }));
        }
    }
    PolicyDocument::new(statements)
}

fn images_that_go() -> Value {
    let rule = |priority: u32, description: String, selection: Value| {
        json!({
            "rulePriority": priority,
            "description": description,
            "selection": selection,
            "action": { "type": "expire" },
        })
    };
    let untagged = json!({
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": UNTAGGED_IMAGE_DAYS,
    });
    let oldest = json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": IMAGES_KEPT });
    json!({ "rules": [
        rule(1, format!("untagged images go after {UNTAGGED_IMAGE_DAYS} days"), untagged),
        rule(2, format!("the latest {IMAGES_KEPT} stay"), oldest),
    ]})
}
