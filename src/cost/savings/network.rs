//! Ways out: one NAT gateway, and endpoints in the place of NAT.

use rust_decimal::Decimal;

use super::patch::Patch;
use super::{Base, Idea, Risk, Saving};
use crate::cost::{Item, Row, plain};
use crate::spec::{Nat, Network, Target};

const SINGLE_NAT: &str = "single-nat";
const GATEWAY: &str = "endpoints/s3";
const INTERFACES: &str = "endpoints/ecr";
/// Without both a node gets no image of ECR.
const REGISTRY: [&str; 2] = ["ecr.api", "ecr.dkr"];
/// Zones of a network that names none.
const ZONES: usize = 3;

pub(super) fn ideas(base: &Base<'_>) -> Vec<Idea> {
    let network = base
        .spec
        .network
        .as_ref()
        .filter(|_| base.spec.target == Target::Aws);
    let Some(network) = network.filter(|network| network.nat != Nat::None) else {
        return Vec::new();
    };
    let ideas = [
        single_nat(base, network),
        gateway(base, network),
        interfaces(base, network),
    ];
    ideas.into_iter().flatten().collect()
}

fn single_nat(base: &Base<'_>, network: &Network) -> Option<Idea> {
    if network.nat != Nat::PerZone {
        return None;
    }
    let patch = Patch::of("network.nat", "single").ok()?;
    let what = "one NAT gateway instead of one in each zone";
    let idea = Idea::new(SINGLE_NAT, what, Risk::High, patch).because(
        "the loss of that zone cuts the nodes of all others off from the internet and AWS's services",
    );
    let Some((gigabytes, cost)) = across_zones(base, network) else {
        return Some(idea.because(
            "what leaves from other zones pays for crossing them; how much, `cost.nat_data_monthly` would tell",
        ));
    };
    Some(idea.because(format!(
        "what leaves from other zones pays for crossing them: about {} GB, {} USD, which the figure leaves out",
        plain(gigabytes.round_dp(2)),
        plain(cost.round_dp(2))
    )))
}

/// What would reach a single gateway from other zones, and what that costs.
fn across_zones(base: &Base<'_>, network: &Network) -> Option<(Decimal, Decimal)> {
    let zones = match network.zones.len() {
        0 => ZONES,
        zones => zones,
    };
    let data = base.spec.cost.nat_data_monthly?.as_gb();
    let gigabytes = data * Decimal::from(zones - 1) / Decimal::from(zones);
    let price = base
        .question
        .book
        .price(Item::TransferBetweenZones, None, base.primary())?;
    let each = price.tiers().first()?.price.0;
    Some((gigabytes, gigabytes * each))
}

fn gateway(base: &Base<'_>, network: &Network) -> Option<Idea> {
    let patch = endpoints(network, &["s3"])?;
    let what = "what nodes exchange with S3 goes through a gateway endpoint instead of NAT";
    let mut idea = Idea::new(GATEWAY, what, Risk::Low, patch).because(
        "the endpoint costs nothing; connections to S3 that are open while routes change break once",
    );
    let most = nat_data(base).map_or_else(String::new, |cost| {
        format!(
            "; at most the {} USD of all data through NAT",
            plain(cost.round_dp(2))
        )
    });
    idea.untold = Some(format!(
        "no plan says which share of `cost.nat_data_monthly` goes to S3, where ECR keeps its layers too: flow logs do{most}"
    ));
    Some(idea)
}

fn interfaces(base: &Base<'_>, network: &Network) -> Option<Idea> {
    let patch = endpoints(network, &REGISTRY)?;
    let what = "what nodes ask of ECR goes through interface endpoints instead of NAT";
    let mut idea = Idea::new(INTERFACES, what, Risk::Low, patch)
        .because("interfaces cost by the hour and zone, whatever goes through them, and by the GB, which no line counts")
        .because("layers of images come from S3: see `endpoints/s3`");
    let added = added_by(base, &idea.patch)?;
    let all = nat_data(base)?;
    // Even if everything went there.
    if all <= added {
        return None;
    }
    idea.untold = Some(format!(
        "no plan says which share of `cost.nat_data_monthly` goes to ECR: the endpoints cost {} USD a month, so it \
         pays when that share of the {} USD through NAT is larger",
        plain(added.round_dp(2)),
        plain(all.round_dp(2))
    ));
    Some(idea)
}

/// The endpoints that there are and these; none where all are there.
fn endpoints(network: &Network, more: &[&str]) -> Option<Patch> {
    let mut all = network.endpoints.clone();
    let before = all.len();
    all.extend(more.iter().map(|service| (*service).to_owned()));
    if all.len() == before {
        return None;
    }
    let all: Vec<String> = all.into_iter().collect();
    Patch::of("network.endpoints", all).ok()
}

/// What a changed plan costs more, of what is known.
fn added_by(base: &Base<'_>, patch: &Patch) -> Option<Decimal> {
    let after = base.estimate_of(&patch.applied(&base.spec).ok()?)?;
    let (before, after) = (base.estimate.total(), after.total());
    Some(after.known.expected - before.known.expected)
}

fn nat_data(base: &Base<'_>) -> Option<Decimal> {
    let mut lines = base.lines(|line| line.row == Row::NatData);
    Some(lines.next()?.monthly?.expected)
}

/// Whether crossing zones doesn't eat up what a single gateway saves.
pub(super) fn is_worth_it(saving: &Saving, base: &Base<'_>) -> bool {
    if saving.name != SINGLE_NAT {
        return true;
    }
    let network = base.spec.network.as_ref();
    let crossing = network.and_then(|network| across_zones(base, network));
    match (saving.monthly, crossing) {
        (Some(monthly), Some((_, cost))) => monthly > cost,
        _ => true,
    }
}
