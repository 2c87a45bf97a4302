//! A secret's value on its way from where it is kept to the call that needs it. It is never printed.

use std::fmt;

use super::super::Region;
use super::super::error::Call;
use crate::provider::ProviderError;

/// What stands where the value would.
const REDACTED: &str = "(sensitive)";

/// Characters of a generated value.
const LENGTH: i64 = 64;

/// Printable, but refused by ElastiCache, whose tokens take no specials but `!&#$^<>-`. The most particular
/// of the services decides: the same alphabet does for each of them.
const EXCLUDED: &str = "\"%'()*+,./:;=?@[\\]_`{|}~";

/// A password or token.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The value itself, for the call that needs it and nothing else.
    pub(in crate::provider) fn expose(&self) -> &str {
        &self.0
    }

    /// From where it is kept: `env:NAME`, `file:PATH` (the first line), or made up where there is none.
    pub(in crate::provider::aws) async fn from(
        source: Option<&str>,
        cloud: &Region,
    ) -> Result<Self, ProviderError> {
        let text = match source.map(|source| (source, source.split_once(':'))) {
            None => return Self::generated(cloud).await,
            Some((_, Some(("env", name)))) => std::env::var(name).map_err(|_| {
                ProviderError::refused(format!("the environment has no `{name}`, or it is no text"))
                    .with_hint(format!("export {name}=…, or write `managed` in the plan"))
            })?,
            Some((_, Some(("file", path)))) => {
                let text = tokio::fs::read_to_string(path).await.map_err(|why| {
                    ProviderError::refused(format!("the secret's file `{path}` can't be read: {why}"))
                        .with_hint("write the secret into it, or `managed` into the plan")
                })?;
                text.lines().next().unwrap_or_default().trim().to_owned()
            }
            Some((source, _)) => {
                return Err(ProviderError::refused(format!(
                    "`{source}` is no place that a secret is taken from: write env:NAME or file:PATH"
                )));
            }
        };
        match text.is_empty() {
            true => Err(ProviderError::refused(format!(
                "the secret at `{}` is empty",
                source.unwrap_or_default()
            ))),
            false => Ok(Self(text)),
        }
    }

    async fn generated(cloud: &Region) -> Result<Self, ProviderError> {
        let request = cloud
            .secretsmanager()
            .get_random_password()
            .password_length(LENGTH)
            .exclude_characters(EXCLUDED)
            .require_each_included_type(true);
        let made = request.send().await.called("secretsmanager:GetRandomPassword")?;
        made.random_password
            .map(Self)
            .ok_or_else(|| ProviderError::unknown("secretsmanager:GetRandomPassword answered without one"))
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_printed() {
        let value = SecretValue::new("hunter2".into());
        assert_eq!(
            format!("{value} {value:?} {value:#?}"),
            "(sensitive) (sensitive) (sensitive)"
        );
    }

    #[test]
    fn what_is_excluded_leaves_elasticache_its_specials_and_nothing_else() {
        let left: String = ('!'..='~')
            .filter(|c| c.is_ascii_punctuation() && !EXCLUDED.contains(*c))
            .collect();
        assert_eq!(left, "!#$&-<>^");
    }
}
