//! Before anything is made: what AWS can be asked that would otherwise stop an apply half-way.
//!
//! Changes nothing. What can't be asked is said, and stops nobody.

mod identity;
mod names;
mod offers;
mod permitted;
mod processors;
mod room;
mod versions;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Aws, Region};
use crate::provider::{Concern, ErrorClass, Gravity, ProviderError, Wanted};
use crate::resource::Address;

/// Tries of a question; throttling and passing failures are no answer.
const TRIES: u32 = 5;

pub(super) async fn check(aws: &Aws, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let home = aws.region(super::GLOBAL).await;
    if let Err(concern) = identity::check(&home.cloud).await {
        return vec![concern];
    }
    let mut concerns = identity::lifetime(&home.cloud).await;
    let (permitted, names) =
        futures::future::join(permitted::check(&home.cloud, wanted), names::check(aws, wanted)).await;
    concerns.extend(permitted.into_iter().chain(names));
    let by_region = wanted
        .iter()
        .fold(BTreeMap::<&str, Vec<Wanted>>::new(), |mut all, one| {
            all.entry(one.address.region()).or_default().push(*one);
            all
        });
    let mut looks = Vec::new();
    for (region, wanted) in &by_region {
        looks.push(in_region(aws, region, wanted));
    }
    for found in futures::future::join_all(looks).await {
        concerns.extend(found);
    }
    concerns
}

async fn in_region(aws: &Aws, region: &str, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let region = aws.region(region).await;
    let (versions, offers, room, processors) = futures::future::join4(
        versions::check(&region.cloud, wanted),
        offers::check(&region.cloud, wanted),
        room::check(&region.cloud, wanted),
        processors::check(&region.cloud, wanted),
    )
    .await;
    let mut all = [versions, offers, room].concat();
    all.extend(processors);
    all
}

/// Asks until there is an answer, a few times.
async fn ask<T, F: Future<Output = Result<T, ProviderError>>>(
    question: impl Fn() -> F,
) -> Result<T, ProviderError> {
    let mut number = 1;
    loop {
        match question().await {
            Err(error) if error.class != ErrorClass::Refused && number < TRIES => {
                tokio::time::sleep(Duration::from_millis(200) * number).await;
                number += 1;
            }
            answer => return answer,
        }
    }
}

/// It would fail.
fn blocking(address: Option<&Address>, message: impl Into<String>, hint: impl Into<String>) -> Concern {
    Concern {
        gravity: Gravity::Blocking,
        address: address.cloned(),
        message: message.into(),
        hint: Some(hint.into()),
    }
}

/// Nobody could be asked.
fn unasked(cloud: &Region, what: &str, why: impl std::fmt::Display) -> Concern {
    Concern {
        gravity: Gravity::Unasked,
        address: None,
        message: format!("{what} in {}: {why}", cloud.name()),
        hint: None,
    }
}

/// The resources of one kind, with a text property of each.
fn of_kind<'a>(
    wanted: &'a [Wanted<'a>],
    kind: &str,
    property: &str,
) -> Vec<(&'a Address, &'a Value, &'a str)> {
    let mut found = Vec::new();
    for one in wanted.iter().filter(|one| one.address.kind() == kind) {
        if let Some(text) = one.properties.get(property).and_then(Value::as_str) {
            found.push((one.address, one.properties, text));
        }
    }
    found
}
