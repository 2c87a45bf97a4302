//! Who calls, and for how long.

use std::time::SystemTime;

use super::super::Region;
use super::{ask, blocking};
use crate::provider::{Concern, Gravity};

/// An EKS cluster and an Aurora shard take about half an hour together.
const LONG_ENOUGH_MINUTES: u64 = 60;

pub(super) async fn check(cloud: &Region) -> Result<(), Concern> {
    match ask(|| cloud.account()).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let hint = error
                .hint
                .unwrap_or_else(|| super::super::error::NO_CREDENTIALS.into());
            Err(blocking(None, error.message, hint))
        }
    }
}

/// What ends while an apply is on its way. Credentials of a role, of SSO or of an instance are renewed by the
/// SDK by itself; those that somebody pasted are not.
pub(super) async fn lifetime(cloud: &Region) -> Vec<Concern> {
    let left = cloud
        .credentials_end()
        .await
        .and_then(|end| end.duration_since(SystemTime::now()).ok());
    let Some(minutes) = left
        .map(|left| left.as_secs() / 60)
        .filter(|minutes| *minutes < LONG_ENOUGH_MINUTES)
    else {
        return Vec::new();
    };
    vec![Concern {
        gravity: Gravity::Doubtful,
        address: None,
        message: format!("the credentials end in {minutes} minutes, and a whole platform takes about as long"),
        hint: Some(
            "those of a role or of SSO are renewed on the way; others: get new ones first. A run that they end \
             under is taken up by the next"
                .into(),
        ),
    }]
}
