//! A set of accounts as people write it: `*`, or `1-1000,5000`.

use crate::event::AccountId;

/// All accounts, or ranges of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AccountSet {
    All,
    /// Sorted, apart from each other; both ends belong to a range.
    Ranges(Box<[(i64, i64)]>),
}

/// A text that is no set of accounts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "accounts must be * or account ids and ranges such as 1-1000,5000 (each from 1 to 9223372036854775807)"
)]
pub struct AccountSetError;

impl AccountSet {
    pub fn contains(&self, account: AccountId) -> bool {
        match self {
            Self::All => true,
            Self::Ranges(ranges) => {
                let after = ranges.partition_point(|&(first, _)| first <= account.get());
                after > 0 && account.get() <= ranges[after - 1].1
            }
        }
    }
}

impl std::str::FromStr for AccountSet {
    type Err = AccountSetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "*" {
            return Ok(Self::All);
        }
        let mut ranges = text.split(',').map(range).collect::<Result<Vec<_>, _>>()?;
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let touches = next.0 <= kept.1.saturating_add(1);
            if touches {
                kept.1 = kept.1.max(next.1);
            }
            touches
        });
        Ok(Self::Ranges(ranges.into()))
    }
}

fn range(text: &str) -> Result<(i64, i64), AccountSetError> {
    let account = |text: &str| match text.trim().parse::<AccountId>() {
        Ok(account) => Ok(account.get()),
        Err(_) => Err(AccountSetError),
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (account(first)?, account(last)?);
    if first > last {
        return Err(AccountSetError);
    }
    Ok((first, last))
}

impl std::fmt::Display for AccountSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Ranges(ranges) = self else {
            return f.write_str("*");
        };
        for (place, (first, last)) in ranges.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for AccountSet {
    type Error = AccountSetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountSet> for String {
    fn from(accounts: AccountSet) -> Self {
        accounts.to_string()
    }
}
