//! `s3://bucket/key`, and the keys of the objects beside it.

use super::super::{Object, StoreError};

/// Leaves room for the longest suffix within S3's 1,024 bytes.
const KEY_BYTES_AT_MOST: usize = 900;

/// Where a state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: String,
    /// The state's own key; the others are this one and a suffix.
    pub(super) key: String,
}

impl Place {
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse = |why: String| StoreError::Failed {
            place: format!("`{url}`"),
            why: format!(
                "{why}; a state on S3 is named s3://bucket/key, as in s3://my-states/billing/production"
            ),
        };
        let rest = url
            .strip_prefix("s3://")
            .ok_or_else(|| refuse("it doesn't begin with s3://".into()))?;
        let (bucket, key) = rest
            .split_once('/')
            .ok_or_else(|| refuse("it names a bucket and no key".into()))?;
        if let Some(why) = malformed_bucket(bucket) {
            return Err(refuse(format!("the bucket's name `{bucket}` {why}")));
        }
        if let Some(why) = malformed_key(key) {
            return Err(refuse(format!("the key `{key}` {why}")));
        }
        Ok(Self {
            bucket: bucket.into(),
            key: key.into(),
        })
    }

    pub(super) fn key_of(&self, object: &Object) -> String {
        let key = &self.key;
        match object {
            Object::State => key.clone(),
            Object::Lock => format!("{key}.lock"),
            Object::PreviousState => format!("{key}.previous"),
            Object::PreviousJournal => format!("{key}.journal.previous"),
            Object::Backup(name) => format!("{key}.{name}.backup"),
            Object::Rollout => format!("{key}.rollout"),
        }
    }

    pub(super) fn journal_key(&self) -> String {
        format!("{}.journal", self.key)
    }

    pub(super) fn url_of(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

/// S3's rules for names of general purpose buckets.
fn malformed_bucket(name: &str) -> Option<&'static str> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=63).contains(&name.len()) {
        Some("must have 3 to 63 characters")
    } else if !name.chars().all(|c| inner(c) || c == '-' || c == '.') {
        Some("may hold lower-case letters, digits, hyphens and dots only")
    } else if !name.starts_with(inner) || !name.ends_with(inner) {
        Some("must begin and end with a letter or digit")
    } else if name.contains("..") {
        Some("must not hold two dots in a row")
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        Some("must not look like an IP address")
    } else {
        None
    }
}

fn malformed_key(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        Some("is empty")
    } else if key.len() > KEY_BYTES_AT_MOST {
        Some("is longer than 900 bytes")
    } else if key
        .split('/')
        .any(|part| part.is_empty() || part == "." || part == "..")
    {
        Some("has an empty part, `.` or `..` between its slashes")
    } else if key
        .chars()
        .any(|c| c.is_control() || matches!(c, '?' | '#' | '\\'))
    {
        Some("holds a character that no key of a state needs")
    } else {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Object, Place};

    #[test]
    fn the_key_is_the_object_of_the_state_and_the_others_stand_beside_it() {
        let place = Place::parse("s3://my-states/billing/production").unwrap();
        assert_eq!(place.bucket, "my-states");
        assert_eq!(place.key_of(&Object::State), "billing/production");
        assert_eq!(place.key_of(&Object::Lock), "billing/production.lock");
        assert_eq!(place.journal_key(), "billing/production.journal");
        assert_eq!(
            place.url_of(&place.key_of(&Object::Backup("3-mv".into()))),
            "s3://my-states/billing/production.3-mv.backup"
        );
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (url, why) in [
            ("https://my-states/key", "doesn't begin with s3://"),
            ("s3://my-states", "no key"),
            ("s3://my-states/", "is empty"),
            ("s3:///key", "3 to 63"),
            ("s3://My_States/key", "lower-case"),
            ("s3://-states/key", "begin and end"),
            ("s3://my..states/key", "two dots"),
            ("s3://10.0.0.1/key", "IP address"),
            ("s3://my-states//key", "empty part"),
            ("s3://my-states/a/../b", "`..`"),
            ("s3://my-states/folder/", "empty part"),
            ("s3://my-states/key?region=eu-west-1", "character"),
        ] {
            let error = Place::parse(url).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(error.contains("s3://bucket/key"), "{error}");
        }
    }
}
