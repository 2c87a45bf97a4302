//! What the plan runs on its clusters, as resources that come in the same apply as the clusters themselves.
//!
//! The objects are those of [`crate::topology::kubernetes`]. Here they get an order: a kind is there before its
//! objects, what pods read is there before the pods, a migration is over before the service starts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Layout, Place};
use crate::provider::kubernetes::{
    Cluster, EksCluster, HelmRelease, KubernetesObject, NAME, SecretObject, SecretSource,
};
use crate::resource::{Address, Desired, Ref};
use crate::spec::SecretReference;
use crate::topology::kubernetes::{KEY_FILE, Kept, NAMESPACE, Release, RequiredSecret, needs, objects};
use crate::topology::{Error, erase};

/// When an object can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// A namespace: as soon as the cluster answers.
    Namespace,
    /// What others read, or what nothing waits for.
    Plain,
    /// Helm's releases: they need nodes.
    Operator,
    /// What keeps data.
    Store,
    /// What has to be over before the service starts.
    Job,
    /// What runs.
    Service,
}

impl Stage {
    fn of(kind: &str) -> Self {
        match kind {
            "namespace" => Self::Namespace,
            "helm_release" => Self::Operator,
            "statefulset" | "kafkanodepool" | "kafka" | "kafkatopic" | "kafkauser" => Self::Store,
            "job" => Self::Job,
            "deployment" | "kafkamirrormaker2" => Self::Service,
            _ => Self::Plain,
        }
    }

    /// What is ready before this: the stages, of which a job or a service waits for all, and the rest only for its
    /// namespace.
    fn waits_for(self, other: Self) -> bool {
        match self {
            Self::Namespace => false,
            Self::Plain => other == Self::Namespace,
            Self::Operator => false,
            Self::Store => matches!(other, Self::Namespace | Self::Plain),
            Self::Job | Self::Service => other < self && other != Self::Operator,
        }
    }
}

impl Layout<'_> {
    /// Objects, operators and secrets of every cluster.
    pub(super) fn kubernetes(&mut self, places: &[Place<'_>]) -> Result<(), Error> {
        let applied = |eks: &crate::spec::Eks| eks.apply_objects;
        if !self.spec.eks.as_ref().is_some_and(applied) {
            return Ok(());
        }
        let (objects, needs) = (objects(self.spec)?, needs(self.spec)?);
        for need in needs {
            let Some(place) = places.iter().find(|place| place.region == need.region) else {
                continue;
            };
            let mut made: Vec<Made> = Vec::new();
            for object in objects.iter().filter(|object| object.region == need.region) {
                let resource = KubernetesObject::new(cluster(place.region), object.value.clone());
                made.push(Made {
                    group: group(&object.value["apiVersion"]),
                    brings: &[],
                    desired: erase(object.address(), &resource, object.section, &object.origin),
                });
            }
            for release in need.releases {
                made.push(operator(place, release));
            }
            for secret in need.secrets {
                made.push(self.secret_object(place, places, secret));
            }
            self.desired.extend(ordered(&self.desired, made));
        }
        Ok(())
    }

    fn secret_object(&self, place: &Place<'_>, places: &[Place<'_>], secret: RequiredSecret) -> Made {
        let manifest = serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {
                "name": secret.name, "namespace": NAMESPACE,
                "labels": { "app.kubernetes.io/part-of": self.spec.metadata.name.as_str() },
            },
        });
        let mut resource = SecretObject::new(cluster(place.region), manifest, BTreeMap::new());
        for (key, kept) in &secret.keys {
            let (source, version) = self.source(place, places, kept);
            resource.data.insert(key.clone(), source);
            if let Some(version) = version {
                resource = resource.with_version(key, version);
            }
        }
        let address = Address::new(NAME, place.region, "secret", &secret.name);
        let (section, origin) = &secret.origin;
        let mut desired = erase(address, &resource, section, origin);
        let from_first = secret
            .keys
            .iter()
            .any(|(_, kept)| matches!(kept, Kept::FirstRegion { .. }));
        if let Some(first) = places.iter().find(|place| place.primary).filter(|_| from_first) {
            // Strimzi makes both with these.
            let maker = |kind, name| Address::new(NAME, first.region, kind, name);
            desired.depends_on.extend(
                self.desired
                    .iter()
                    .map(|desired| &desired.address)
                    .filter(|address| {
                        address.provider() == NAME
                            && address.region() == first.region
                            && (address.kind() == "kafka" || **address == maker("kafkauser", "mirror"))
                    })
                    .cloned(),
            );
        }
        Made {
            group: String::new(),
            brings: &[],
            desired,
        }
    }

    /// Where a value is, and what tells that it is another one.
    fn source(
        &self,
        place: &Place<'_>,
        places: &[Place<'_>],
        kept: &Kept,
    ) -> (SecretSource, Option<Ref<String>>) {
        match kept {
            Kept::KeyFile => (SecretSource::Place(format!("file:{KEY_FILE}")), None),
            Kept::FirstRegion { secret, key } => {
                let first = places.iter().find(|place| place.primary).unwrap_or(place);
                let source = SecretSource::OtherCluster {
                    cluster: Box::new(cluster(first.region)),
                    namespace: NAMESPACE.into(),
                    name: secret.clone(),
                    key: key.clone(),
                };
                (source, None)
            }
            Kept::Shard(number) => self.connection(place, *number),
            Kept::Place { from, own } => {
                let address = place.address("secret", own);
                if self.desired.iter().any(|desired| desired.address == address) {
                    let source = SecretSource::SecretsManager {
                        secret: Ref::output(&address, "arn"),
                        field: None,
                    };
                    return (source, Some(Ref::output(&address, "version")));
                }
                let plan = self.spec.metadata.name.as_str();
                let source = match from {
                    SecretReference::Managed => format!("secretsmanager:{plan}-{own}"),
                    // Refused by a rule: a plan holds no secret itself.
                    SecretReference::Literal(_) => "env:SECRET_OF_THE_PLAN".to_owned(),
                    elsewhere => elsewhere.to_string(),
                };
                (SecretSource::Place(source), None)
            }
        }
    }

    fn connection(&self, place: &Place<'_>, number: u32) -> (SecretSource, Option<Ref<String>>) {
        let Some(aurora) = &self.spec.aurora else {
            return (SecretSource::Place(String::new()), None);
        };
        let name = format!("shard-{number}");
        let (secret, version) = self.shard_login(aurora, place, &name);
        let password = SecretSource::SecretsManager {
            secret,
            field: Some("password".into()),
        };
        let source = SecretSource::Connection {
            host: place.output("db_cluster", &name, "endpoint"),
            port: aurora.port.get(),
            database: aurora.database_name.clone(),
            user: aurora.master_username.clone(),
            password: Box::new(password),
        };
        (source, version)
    }
}

/// A resource of a cluster before it knows what comes first.
struct Made {
    /// The API group of its kind.
    group: String,
    /// CustomResourceDefinitions that it brings.
    brings: &'static [&'static str],
    desired: Desired,
}

impl Made {
    fn stage(&self) -> Stage {
        Stage::of(self.desired.address.kind())
    }

    /// Whether it brings the kinds of `group`.
    fn brings_kinds_of(&self, group: &str) -> bool {
        let of_group = |definition: &&str| definition.split_once('.').is_some_and(|(_, it)| it == group);
        self.brings.iter().any(of_group)
    }
}

/// Each after what it needs. `laid_out` is what AWS has.
fn ordered(laid_out: &[Desired], mut made: Vec<Made>) -> Vec<Desired> {
    let mut waits: Vec<BTreeSet<Address>> = Vec::new();
    for one in &made {
        let stage = one.stage();
        let before = made
            .iter()
            .filter(|other| stage.waits_for(other.stage()) || other.brings_kinds_of(&one.group));
        let mut all: BTreeSet<Address> = before.map(|other| other.desired.address.clone()).collect();
        if stage >= Stage::Operator {
            let region = one.desired.address.region();
            let ground = laid_out.iter().map(|desired| &desired.address).filter(|address| {
                let kinds: &[&str] = match stage {
                    Stage::Job | Stage::Service => &["eks_node_group", "eks_addon", "db_instance"],
                    _ => &["eks_node_group", "eks_addon"],
                };
                address.region() == region && kinds.contains(&address.kind())
            });
            all.extend(ground.cloned());
        }
        all.remove(&one.desired.address);
        waits.push(all);
    }
    for (one, all) in made.iter_mut().zip(waits) {
        one.desired.depends_on.extend(all);
    }
    made.into_iter().map(|one| one.desired).collect()
}

fn operator(place: &Place<'_>, release: Release) -> Made {
    let address = Address::new(NAME, place.region, "helm_release", &release.name);
    let origin = format!("operators.{}", release.name);
    let values = release.values.as_object().cloned().unwrap_or_default();
    let resource = HelmRelease {
        cluster: cluster(place.region),
        name: release.name,
        namespace: release.namespace,
        chart: release.chart,
        repository: release.repository,
        version: release.version,
        values,
        install: release.install,
        definitions: release.definitions.iter().map(|it| (*it).to_owned()).collect(),
    };
    Made {
        group: String::new(),
        brings: release.definitions,
        desired: erase(address, &resource, "operators", &origin),
    }
}

/// The plan's cluster in a region; its client is made once the cluster stands.
fn cluster(region: &str) -> Cluster {
    let of = Address::new(super::NAME, region, "eks_cluster", "main");
    Cluster::Eks(EksCluster {
        name: Ref::output(&of, "name"),
        region: region.to_owned(),
        endpoint: Ref::output(&of, "endpoint"),
        certificate_authority: Ref::output(&of, "certificate_authority"),
    })
}

/// `apps` of `apps/v1`, nothing of `v1`.
fn group(api_version: &serde_json::Value) -> String {
    let text = api_version.as_str().unwrap_or_default();
    text.rsplit_once('/')
        .map_or_else(String::new, |(group, _)| group.to_owned())
}
