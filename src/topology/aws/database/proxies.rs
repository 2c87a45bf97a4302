//! The poolers: an RDS Proxy in front of each shard, in each region.

use super::super::{Layout, Place};
use super::{SECTION, Shard, role};
use crate::provider::aws::{DbProxy, DbProxyTarget};
use crate::spec::Aurora;
use crate::spec::rules::facts::{aurora as facts, machine};

/// Seconds until a client that says nothing is cut off: RDS' default.
const IDLE_SECONDS: i32 = 1_800;
/// Seconds that a client waits for a connection; a pool that is empty for longer is too small.
const BORROW_SECONDS: i32 = 30;

impl Layout<'_> {
    pub(super) fn proxy(&mut self, aurora: &Aurora, place: &Place<'_>, shard: &Shard) {
        let address = place.address("db_proxy", &shard.name);
        let proxy = DbProxy {
            name: shard.identifier.clone(),
            secret: self.login(aurora, place, shard),
            role: role("rds-proxy"),
            subnets: place.subnets("private").into_iter().collect(),
            security_groups: [place.output("security_group", "database", "id")]
                .into_iter()
                .collect(),
            require_tls: true,
            idle_timeout: IDLE_SECONDS,
            tags: self.tags(&address),
        };
        self.add(&address, &proxy, SECTION, "aurora.pooler");
        let percent = percent(aurora);
        let target = DbProxyTarget {
            proxy: place.output("db_proxy", &shard.name, "name"),
            cluster: place.output("db_cluster", &shard.name, "id"),
            max_connections_percent: percent,
            max_idle_connections_percent: percent / 2,
            borrow_timeout: BORROW_SECONDS,
        };
        let members: Vec<_> = (0..self.count(aurora, place))
            .map(|number| place.address("db_instance", &format!("{}-{number}", shard.name)))
            .collect();
        let target_address = place.address("db_proxy_target", &shard.name);
        let target = self.add(
            &target_address,
            &target,
            SECTION,
            "aurora.pooler.max_server_connections",
        );
        // A cluster without members has nothing that could be well.
        target.depends_on.extend(members);
    }
}

/// The pooler's connections as a share of the server's, rounded down, as the API wants them.
fn percent(aurora: &Aurora) -> i32 {
    let wanted = aurora
        .pooler
        .map_or(0, |pooler| u64::from(pooler.max_server_connections));
    let class = aurora.instance_class.as_deref();
    let bytes = class
        .and_then(machine::database)
        .map_or(0, |machine| machine.memory_mib << 20);
    let set = aurora.parameters.get("max_connections");
    let all = match set.and_then(|value| facts::evaluate(value, bytes)) {
        Some(all) => all,
        None => facts::default_max_connections(bytes),
    };
    let percent = (wanted * 100).checked_div(all).unwrap_or(100);
    i32::try_from(percent.clamp(1, 100)).unwrap_or(100)
}
