//! The Secrets that must be in a cluster before its pods start, and a script that makes them of where they are kept.
//!
//! No value stands in a file: the script reads each from its place and hands it to Kubernetes.

use serde::Serialize;

use super::{Error, NAMESPACE, Writer};
use crate::spec::{SecretReference, Tier};

/// A Secret that objects of the plan refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::topology) struct RequiredSecret {
    /// Its name.
    pub(in crate::topology) name: String,
    /// Its keys, and where the value of each is kept.
    pub(in crate::topology) keys: Vec<(String, Kept)>,
    /// The plan's section that it is for, and the field.
    pub(in crate::topology) origin: (&'static str, String),
    /// Where the values come from, for a person.
    about: String,
}

/// Where a value is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::topology) enum Kept {
    /// Where the plan says; what vvbill keeps in Secrets Manager itself has the plan's name and `own` as its name.
    Place {
        /// The plan's word.
        from: SecretReference,
        /// What it is called.
        own: String,
    },
    /// In a file of hashed API keys beside the plan.
    KeyFile,
    /// With the shard of this number: a connection string to its writer.
    Shard(u32),
    /// In a Secret of the cluster in the first region.
    FirstRegion {
        /// Its name.
        secret: String,
        /// Its key.
        key: String,
    },
}

/// The file of API keys, where the plan leaves them to vvbill.
pub(in crate::topology) const KEY_FILE: &str = "api-keys.jsonl";

#[derive(Serialize)]
struct Values {
    cluster: String,
    secrets: Vec<Scripted>,
}

/// As the script makes it: each key with the command that prints its value.
#[derive(Serialize)]
struct Scripted {
    name: String,
    keys: Vec<(String, String)>,
    about: String,
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
            secrets: secrets.into_iter().map(|secret| self.scripted(secret)).collect(),
        };
        self.write("secrets.sh", "secrets.sh", ("eks", "eks"), &values)
    }

    fn scripted(&self, secret: RequiredSecret) -> Scripted {
        let keys = secret.keys.into_iter();
        Scripted {
            keys: keys.map(|(key, kept)| (key, self.command(&kept))).collect(),
            name: secret.name,
            about: secret.about,
        }
    }

    /// The shell command that prints a value.
    fn command(&self, kept: &Kept) -> String {
        match kept {
            Kept::Place { from, own } => self.reading(from, own),
            Kept::KeyFile => format!("cat {KEY_FILE}"),
            Kept::Shard(number) => self.connection(*number),
            Kept::FirstRegion { secret, key } => {
                let path = key.replace('.', "\\.");
                format!(
                    "kubectl --context \"$SOURCE_CONTEXT\" --namespace {NAMESPACE} get secret {secret} \
                     --output 'jsonpath={{.data.{path}}}' | base64 --decode"
                )
            }
        }
    }

    pub(super) fn required(&self) -> Vec<RequiredSecret> {
        let mut all = Vec::new();
        all.extend(self.buffer_secrets());
        if self.spec.ingest.is_some() && self.place.runs(Tier::Ingest) {
            all.extend(self.shard_secret());
            all.extend(self.key_secret());
        }
        if self.place.runs(Tier::Api) {
            for (key, workload) in &self.spec.workloads {
                let name = format!("{}-environment", super::pieces::object_name(key));
                let keys: Vec<(String, Kept)> = workload
                    .secret_env
                    .iter()
                    .map(|(variable, from)| (variable.clone(), place(from, variable)))
                    .collect();
                let secret = RequiredSecret {
                    origin: ("workloads", format!("workloads.{key}.secret_env")),
                    about: "the variables that the workload's `secret_env` names".to_owned(),
                    name,
                    keys,
                };
                all.extend((!secret.keys.is_empty()).then_some(secret));
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
        let secret = |name: &str, field: &str, from: &SecretReference, about: &str| RequiredSecret {
            name: name.to_owned(),
            keys: vec![("password".to_owned(), place(from, "buffer-auth"))],
            origin: ("buffer", field.to_owned()),
            about: format!("{about} (`{field}`)"),
        };
        let sentinel = buffer
            .sentinel
            .as_ref()
            .and_then(|sentinel| sentinel.auth.as_ref());
        let servers = buffer.auth.as_ref();
        servers
            .map(|from| secret("buffer-auth", "buffer.auth", from, "the password of the buffer"))
            .into_iter()
            .chain(sentinel.map(|from| {
                let about = "what Sentinels log in with";
                secret("sentinel-auth", "buffer.sentinel.auth", from, about)
            }))
            .collect()
    }

    /// A connection string for each shard, straight to its writer.
    fn shard_secret(&self) -> Option<RequiredSecret> {
        let shards = self.spec.aurora.as_ref()?.shards;
        Some(RequiredSecret {
            name: "ingest-shards".into(),
            keys: (0..shards)
                .map(|number| (format!("shard-{number}"), Kept::Shard(number)))
                .collect(),
            origin: ("ingest", "aurora.master_password".into()),
            about:
                "a connection string for each shard, with the password that `aurora.master_password` names"
                    .into(),
        })
    }

    /// The command that prints it.
    fn connection(&self, number: u32) -> String {
        let Some(aurora) = &self.spec.aurora else {
            return String::new();
        };
        let identifier = aurora.identifier.to_lowercase();
        let cluster = match aurora.shards {
            1 => identifier,
            _ => format!("{identifier}-{number}"),
        };
        let secret = format!("{}-shard-{number}-master", self.spec.metadata.name.as_str());
        let password = match &aurora.master_password {
            SecretReference::Managed if !self.spans_regions() => format!("password_of_rds {cluster}"),
            SecretReference::SecretsManager(name) => format!("field_of {} password", quoted(name)),
            _ => format!("field_of {secret} password"),
        };
        format!(
            "connection {cluster} {} {} {} \"$({password})\"",
            aurora.port,
            quoted(&aurora.database_name),
            quoted(&aurora.master_username),
        )
    }

    fn key_secret(&self) -> Option<RequiredSecret> {
        let ingest = self.spec.ingest.as_ref()?;
        let kept = match &ingest.api_keys {
            SecretReference::Managed => Kept::KeyFile,
            from => place(from, "api-keys"),
        };
        Some(RequiredSecret {
            name: "ingest-api-keys".into(),
            keys: vec![(KEY_FILE.into(), kept)],
            origin: ("ingest", "ingest.api_keys".into()),
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
        let source = |secret: &str, key: &str| Kept::FirstRegion {
            secret: secret.to_owned(),
            key: key.to_owned(),
        };
        let origin = ("kafka", "regions.secondary.runs".to_owned());
        let about = format!(
            "from the cluster in {}: set SOURCE_CONTEXT to its context in kubeconfig",
            self.place.first_region()
        );
        let authority = format!("{}-cluster-ca-cert", super::kafka::CLUSTER);
        vec![
            RequiredSecret {
                name: "mirror-source-ca".into(),
                keys: vec![("ca.crt".into(), source(&authority, "ca.crt"))],
                origin: origin.clone(),
                about: about.clone(),
            },
            RequiredSecret {
                name: "mirror-source-user".into(),
                keys: ["user.crt", "user.key"]
                    .map(|key| (key.to_owned(), source("mirror", key)))
                    .into(),
                origin,
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

fn place(from: &SecretReference, own: &str) -> Kept {
    Kept::Place {
        from: from.clone(),
        own: own.to_owned(),
    }
}

/// As one word of a shell's command.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
