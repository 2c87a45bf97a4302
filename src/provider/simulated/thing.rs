//! The simulated kinds: one type, a shape for each way of being found again.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::world::{Call, World};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Field, Ref};

/// What distinguishes the simulated kinds.
pub trait Shape: Send + Sync + 'static {
    /// See [`Resource::KIND`].
    const KIND: &'static str;
    /// See [`Resource::FOUND_BY`].
    const FOUND_BY: FoundBy;
    /// See [`Resource::CREATE_FIRST`].
    const CREATE_FIRST: bool = false;
}

/// Its name is unique: a second creation of the same name is refused.
pub struct Named;
/// The service knows a repeated token and answers with what the first call made.
pub struct Tokened;
/// The service makes another copy at each call; its tags are seen only after a while.
pub struct Tagged;
/// Its id is made of its network's and its own name.
pub struct Composite;
/// Known by token; its replacement is made first.
pub struct Template;

impl Shape for Named {
    const KIND: &'static str = "node";
    const FOUND_BY: FoundBy = FoundBy::Name;
}

impl Shape for Tokened {
    const KIND: &'static str = "volume";
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
}

impl Shape for Tagged {
    const KIND: &'static str = "gateway";
    const FOUND_BY: FoundBy = FoundBy::Tag { settles_after_ms: 40 };
}

impl Shape for Composite {
    const KIND: &'static str = "binding";
    const FOUND_BY: FoundBy = FoundBy::Composite;
}

impl Shape for Template {
    const KIND: &'static str = "template";
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
    const CREATE_FIRST: bool = true;
}

/// What can be asked of any simulated resource.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Thing<S> {
    /// Its name.
    pub name: String,
    /// Changes in place.
    pub size: u32,
    /// Can't be changed in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Takes effect after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// Another one's output, which can't be changed in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Ref<String>>,
    /// Others' outputs, which change in place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uses: BTreeMap<String, Ref<String>>,
    /// Somebody else's, wanted gone, or wanted.
    #[serde(default, skip_serializing_if = "Field::is_unmanaged")]
    pub note: Field<String>,
    #[serde(skip)]
    shape: PhantomData<S>,
}

/// What a simulated resource puts out.
#[derive(Debug, Serialize)]
pub struct Outputs {
    /// Its id: the same as long as it isn't replaced.
    pub id: String,
    /// Different for each one that is made: the same as long as it isn't replaced.
    pub endpoint: String,
    /// Follows its size.
    pub revision: String,
}

impl<S: Shape> Resource for Thing<S> {
    const KIND: &'static str = S::KIND;
    const REPLACE_ON: &'static [&'static str] = &["name", "image", "network"];
    const REBOOT_ON: &'static [&'static str] = &["memory"];
    const FOUND_BY: FoundBy = S::FOUND_BY;
    const CREATE_FIRST: bool = S::CREATE_FIRST;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "endpoint"];
    const DEADLINE: Duration = Duration::from_secs(60);
    type Cloud = World;
    type Outputs = Outputs;

    async fn observe(cloud: &World, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(known) = cloud
            .call(Call::Observe, S::KIND, id, |world| Ok(world.see(id)))
            .await?
        else {
            return Ok(None);
        };
        let mut thing: Self = serde_json::from_value(known.properties)
            .map_err(|why| ProviderError::refused(format!("{id}: the world's file is damaged: {why}")))?;
        if known.memory_in_effect != thing.memory {
            thing.memory = known.memory_in_effect;
        }
        let revision = format!("{}-{}", known.made, thing.size);
        let endpoint = format!("{}.{}", thing.name, known.made);
        Ok(Some((
            thing,
            Outputs {
                id: id.into(),
                endpoint,
                revision,
            },
        )))
    }

    async fn find(&self, cloud: &World, token: &str) -> Result<Option<String>, ProviderError> {
        let own_id = self.own_id();
        let settle = match S::FOUND_BY {
            FoundBy::Tag { settles_after_ms } => Duration::from_millis(settles_after_ms),
            _ => Duration::ZERO,
        };
        cloud
            .call(Call::Find, S::KIND, &self.name, |world| {
                Ok(match own_id {
                    Some(id) => world.see(&id).map(|_| id),
                    None => world.find_token(token, settle),
                })
            })
            .await
    }

    async fn create(&self, cloud: &World, token: &str) -> Result<String, ProviderError> {
        let properties = serde_json::to_value(self)
            .map_err(|why| ProviderError::refused(format!("{}: {why}", self.name)))?;
        let own_id = self.own_id();
        cloud
            .call(Call::Create, S::KIND, &self.name, |world| {
                if let Some(id) = own_id {
                    if let Some(known) = world.see(&id) {
                        return if known.token == token {
                            Ok(id)
                        } else {
                            Err(ProviderError::refused(format!("{id} exists already"))
                                .with_hint("import it, or choose another name"))
                        };
                    }
                    return world.make(S::KIND, Some(id), token, properties);
                }
                let repeated = match S::FOUND_BY {
                    FoundBy::ClientToken => world.find_token(token, Duration::ZERO),
                    _ => None,
                };
                repeated.map_or_else(|| world.make(S::KIND, None, token, properties), Ok)
            })
            .await
    }

    async fn readiness(&self, cloud: &World, id: &str) -> Result<Readiness, ProviderError> {
        cloud
            .call(Call::Readiness, S::KIND, &self.name, |world| {
                let Some(known) = world.see(id) else {
                    return Ok(Readiness::Failed(format!("{id} is not there")));
                };
                Ok(match known.ready_in() {
                    None => Readiness::Ready,
                    Some(_) => Readiness::Pending("getting ready".into()),
                })
            })
            .await
    }

    async fn update(&self, cloud: &World, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let changes = changes.to_vec();
        cloud
            .call(Call::Update, S::KIND, &self.name, |world| {
                world.change(id, &changes)
            })
            .await
    }

    async fn reboot(&self, cloud: &World, id: &str) -> Result<(), ProviderError> {
        cloud
            .call(Call::Reboot, S::KIND, &self.name, |world| world.restart(id))
            .await
    }

    async fn delete(cloud: &World, id: &str) -> Result<(), ProviderError> {
        cloud
            .call(Call::Delete, S::KIND, id, |world| world.remove(id))
            .await
    }
}

impl<S: Shape> Thing<S> {
    /// The id that follows from what it is asked to be; none where the service gives one.
    fn own_id(&self) -> Option<String> {
        match S::FOUND_BY {
            FoundBy::Name => Some(format!("{}:{}", S::KIND, self.name)),
            FoundBy::Composite => {
                let network = self
                    .network
                    .as_ref()
                    .and_then(Ref::known)
                    .map_or("", String::as_str);
                Some(format!("{}:{network}:{}", S::KIND, self.name))
            }
            FoundBy::ClientToken | FoundBy::Tag { .. } => None,
        }
    }
}
