//! The Secrets that must be in a cluster before its pods start, and a script that makes them of where they are kept.
//!
//! No value stands in a file: the script reads each from its place and hands it to Kubernetes.

use serde::Serialize;

use super::{Error, NAMESPACE, Writer};
use crate::spec::{SecretReference, Tier};

/// A Secret that objects of the plan refer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct RequiredSecret {
    /// Its name.
    pub(super) name: String,
    /// Its keys, each with the shell command that prints the value.
    pub(super) keys: Vec<(String, String)>,
    /// Where the values come from, for a person.
    pub(super) about: String,
}

#[derive(Serialize)]
struct Values {
    cluster: String,
    secrets: Vec<RequiredSecret>,
}

impl Writer<'_> {
    pub(super) fn secrets(&mut self) -> Result<(), Error> {
        let secrets = self.required();
        if secrets.is_empty() {
            return Ok(());
        }
        let values = Values {
            cluster: self
                .spec
                .eks
                .as_ref()
                .map_or_else(String::new, |eks| eks.name.clone()),
            secrets,
        };
        self.write("secrets.sh", "secrets.sh", ("eks", "eks"), &values)
    }

    fn required(&self) -> Vec<RequiredSecret> {
        let mut all = Vec::new();
        all.extend(self.buffer_secrets());
        if self.spec.ingest.is_some() && self.place.runs(Tier::Ingest) {
            all.extend(self.shard_secret());
            all.extend(self.key_secret());
        }
        if self.place.runs(Tier::Api) {
            for (name, workload) in &self.spec.workloads {
                let name = format!("{}-environment", super::pieces::object_name(name));
                let keys: Vec<(String, String)> = workload
                    .secret_env
                    .iter()
                    .map(|(variable, from)| (variable.clone(), self.reading(from, variable)))
                    .collect();
                let about = "the variables that the workload's `secret_env` names".to_owned();
                all.extend((!keys.is_empty()).then_some(RequiredSecret { name, keys, about }));
            }
        }
        all.extend(self.mirror_secrets());
        all
    }

    fn buffer_secrets(&self) -> Vec<RequiredSecret> {
        let Some(buffer) = self
            .spec
            .buffer
            .as_ref()
            .filter(|_| self.place.runs(Tier::Buffer))
        else {
            return Vec::new();
        };
        let secret = |name: &str, from: &SecretReference, about: &str| RequiredSecret {
            name: name.to_owned(),
            keys: vec![("password".to_owned(), self.reading(from, "buffer-auth"))],
            about: about.to_owned(),
        };
        let sentinel = buffer
            .sentinel
            .as_ref()
            .and_then(|sentinel| sentinel.auth.as_ref());
        let servers = buffer.auth.as_ref();
        servers
            .map(|from| secret("buffer-auth", from, "the password of the buffer (`buffer.auth`)"))
            .into_iter()
            .chain(sentinel.map(|from| {
                let about = "what Sentinels log in with (`buffer.sentinel.auth`)";
                secret("sentinel-auth", from, about)
            }))
            .collect()
    }

    /// A connection string for each shard, straight to its writer.
    fn shard_secret(&self) -> Option<RequiredSecret> {
        let aurora = self.spec.aurora.as_ref()?;
        let identifier = aurora.identifier.to_lowercase();
        let keys = (0..aurora.shards).map(|number| {
            let cluster = match aurora.shards {
                1 => identifier.clone(),
                _ => format!("{identifier}-{number}"),
            };
            let secret = format!("{}-shard-{number}-master", self.spec.metadata.name.as_str());
            let password = match &aurora.master_password {
                SecretReference::Managed if !self.spans_regions() => format!("password_of_rds {cluster}"),
                SecretReference::SecretsManager(name) => format!("field_of {} password", quoted(name)),
                _ => format!("field_of {secret} password"),
            };
            let command = format!(
                "connection {cluster} {} {} {} \"$({password})\"",
                aurora.port,
                quoted(&aurora.database_name),
                quoted(&aurora.master_username),
            );
            (format!("shard-{number}"), command)
        });
        Some(RequiredSecret {
            name: "ingest-shards".into(),
            keys: keys.collect(),
            about:
                "a connection string for each shard, with the password that `aurora.master_password` names"
                    .into(),
        })
    }

    fn key_secret(&self) -> Option<RequiredSecret> {
        let ingest = self.spec.ingest.as_ref()?;
        let command = match &ingest.api_keys {
            SecretReference::Managed => "cat api-keys.jsonl".to_owned(),
            from => self.reading(from, "api-keys"),
        };
        Some(RequiredSecret {
            name: "ingest-api-keys".into(),
            keys: vec![("api-keys.jsonl".into(), command)],
            about:
                "hashed API keys; `vvbill-ingest key create --help` tells how to make the file api-keys.jsonl"
                    .into(),
        })
    }

    /// What the second region's copy logs in with, from the first region's cluster.
    fn mirror_secrets(&self) -> Vec<RequiredSecret> {
        if self.place.primary || self.bootstrap().is_none() {
            return Vec::new();
        }
        let source = |secret: &str, key: &str| {
            let path = key.replace('.', "\\.");
            format!(
                "kubectl --context \"$SOURCE_CONTEXT\" --namespace {NAMESPACE} get secret {secret} \
                 --output 'jsonpath={{.data.{path}}}' | base64 --decode"
            )
        };
        let about = format!(
            "from the cluster in {}: set SOURCE_CONTEXT to its context in kubeconfig",
            self.place.first_region()
        );
        let authority = format!("{}-cluster-ca-cert", super::kafka::CLUSTER);
        vec![
            RequiredSecret {
                name: "mirror-source-ca".into(),
                keys: vec![("ca.crt".into(), source(&authority, "ca.crt"))],
                about: about.clone(),
            },
            RequiredSecret {
                name: "mirror-source-user".into(),
                keys: ["user.crt", "user.key"]
                    .map(|key| (key.to_owned(), source("mirror", key)))
                    .into(),
                about,
            },
        ]
    }

    /// The command that prints a secret. What vvbill keeps in Secrets Manager itself has the plan's name in front.
    fn reading(&self, from: &SecretReference, own: &str) -> String {
        let kept = || format!("value_of {}-{}", self.spec.metadata.name.as_str(), own);
        match from {
            SecretReference::Environment(name) => format!("printf %s \"${{{name}:?}}\""),
            SecretReference::File(path) => format!("head -n 1 {} | tr -d '\\n'", quoted(path)),
            SecretReference::SecretsManager(name) => format!("value_of {}", quoted(name)),
            SecretReference::Managed => kept(),
            SecretReference::Literal(_) => {
                "printf %s \"${SECRET_OF_THE_PLAN:?the plan holds the secret itself: set it here, or name its place}\""
                    .to_owned()
            }
        }
    }

    fn spans_regions(&self) -> bool {
        let secondary = || self.spec.regions.as_ref()?.secondary.as_ref();
        secondary().is_some_and(|secondary| secondary.runs.contains(&Tier::Database))
    }
}

/// As one word of a shell's command.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
