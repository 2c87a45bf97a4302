//! Shards with replicas: three etcd members for all of them; for each shard what its members go by, and the
//! members, each Patroni with a Postgres.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Error, Group, Layout, address, kind, names, outputs_of};
use crate::provider::local::{
    EtcdMember, PATRONI_VERSION, PatroniCluster, PatroniDistribution, PatroniMember,
};
use crate::resource::{Address, Ref};
use crate::spec::Aurora;

const SECTION: &str = "aurora";
const ORIGIN: &str = "aurora.replicas_per_shard";
/// One may be lost; a fourth would not make that two.
const ETCD_MEMBERS: u32 = 3;
/// Places that a shard has among the ports: three replicas and one more member.
const MEMBERS_A_SHARD: u32 = 4;

/// The least that Patroni takes: how long a shard is without a primary when the node of its primary is gone.
const LEADER_TTL_SECONDS: u64 = 20;
const LOOP_WAIT_SECONDS: u64 = 1;
/// Patroni wants `loop_wait + 2 × retry_timeout ≤ ttl`.
const RETRY_TIMEOUT_SECONDS: u64 = (LEADER_TTL_SECONDS - LOOP_WAIT_SECONDS) / 2;

/// The members of shard `number`; none where shards have no replicas.
pub(super) fn names_of(replicas: u32, number: u32) -> Vec<String> {
    match replicas {
        0 => Vec::new(),
        replicas => names(&format!("shard-{number}"), replicas + 1, 1),
    }
}

impl Layout<'_> {
    /// What members of all shards stand on.
    pub(super) fn etcd(&mut self) -> Result<(), Error> {
        let distribution = PatroniDistribution {
            version: PATRONI_VERSION.into(),
            folder: self.folder(),
            python: self.programs(&["python3"]).remove("python3"),
        };
        self.add(
            kind::PATRONI_DISTRIBUTION,
            "patroni",
            &distribution,
            SECTION,
            ORIGIN,
        );
        let members = etcd_names();
        let mut peer_ports = BTreeMap::new();
        for (index, name) in (0..).zip(&members) {
            let peer = name.replace("etcd", "etcd-peer");
            peer_ports.insert(name.clone(), self.port(&peer, Group::EtcdPeers, index)?);
        }
        for (index, name) in (0..).zip(&members) {
            let member = EtcdMember {
                common: self.common(name, &["etcd"]),
                port: self.port(name, Group::Etcd, index)?,
                peer_ports: peer_ports.clone(),
                data: self.data(name, SECTION, ORIGIN),
            };
            self.add(kind::ETCD_MEMBER, name, &member, SECTION, ORIGIN);
        }
        Ok(())
    }

    /// The members of shard `number`, the first of which makes its cluster.
    pub(super) fn members(
        &mut self,
        aurora: &Aurora,
        number: u32,
        parameters: &BTreeMap<String, String>,
        superuser: &Address,
    ) -> Result<Vec<Address>, Error> {
        let shard = format!("shard-{number}");
        let members = names_of(aurora.replicas_per_shard, number);
        let mut ports = Vec::new();
        for (index, name) in (0..).zip(&members) {
            // A shard's fifth member would get the port of the next shard's first.
            let place = match index < MEMBERS_A_SHARD {
                true => number.saturating_mul(MEMBERS_A_SHARD).saturating_add(index),
                false => u32::from(u16::MAX),
            };
            let rest = name.replace("shard", "patroni");
            ports.push((
                self.port(name, Group::Members, place)?,
                self.port(&rest, Group::Patroni, place)?,
            ));
        }
        let etcd = outputs_of(kind::ETCD_MEMBER, &etcd_names(), "endpoint");
        let cluster = PatroniCluster {
            name: shard.clone(),
            folder: self.folder(),
            host: self.host(),
            etcd: etcd.clone(),
            rest_ports: members
                .iter()
                .cloned()
                .zip(ports.iter().map(|(_, rest)| *rest))
                .collect(),
            leader_ttl_seconds: LEADER_TTL_SECONDS,
            loop_wait_seconds: LOOP_WAIT_SECONDS,
            retry_timeout_seconds: RETRY_TIMEOUT_SECONDS,
            synchronous: true,
            parameters: parameters.clone(),
        };
        let cluster = self.add(
            kind::PATRONI_CLUSTER,
            &shard,
            &cluster,
            SECTION,
            "aurora.parameters",
        );
        let distribution = address(kind::PATRONI_DISTRIBUTION, "patroni");
        let first = address(kind::PATRONI_MEMBER, &members[0]);
        let mut added = Vec::new();
        for (name, (port, rest_port)) in members.iter().zip(ports) {
            let is_first = added.is_empty();
            let member = PatroniMember {
                common: self.common(name, &["postgres"]),
                port,
                rest_port,
                scope: Ref::output(&cluster, "scope"),
                etcd: etcd.clone(),
                version: aurora.engine_version.split('.').next().unwrap_or_default().into(),
                data: self.data(name, SECTION, ORIGIN),
                password_file: Ref::output(superuser, "path"),
                python: path_of(&distribution, "python"),
                packages: path_of(&distribution, "packages"),
                makes_cluster: is_first,
            };
            let member = self.add(kind::PATRONI_MEMBER, name, &member, SECTION, ORIGIN);
            // A copy that is begun before the first one leads breaks off and is tried again seconds later.
            self.depend(&member, Some(first.clone()).filter(|_| !is_first));
            added.push(member);
        }
        Ok(added)
    }
}

/// `etcd-1` and so on.
pub(super) fn etcd_names() -> Vec<String> {
    names("etcd", ETCD_MEMBERS, 1)
}

fn path_of(distribution: &Address, output: &str) -> Ref<PathBuf> {
    Ref::output(distribution, output)
}
