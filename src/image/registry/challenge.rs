//! What a registry wants to see first, as `WWW-Authenticate` has it.

use std::collections::BTreeMap;

/// How to show who one is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With every request.
    Basic,
    /// With a token, which `realm` gives out.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// `None` where it is nothing that can be answered.
pub(super) fn parse(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut parameters = parameters(rest);
    Some(Challenge::Bearer {
        realm: parameters.remove("realm")?,
        service: parameters.remove("service"),
        scope: parameters.remove("scope"),
    })
}

/// `name="value"`, separated by commas; a value may have commas of its own.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim_start();
    while let Some((name, value)) = rest.split_once('=') {
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => match quoted.split_once('"') {
                Some(parts) => parts,
                None => break,
            },
            None => value.split_at(value.find(',').unwrap_or(value.len())),
        };
        found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = behind.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Challenge, parse};

    /// The scope's comma must not end it: without `push` the token would be of no use.
    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.into(),
                service: service.map(Into::into),
                scope: scope.map(Into::into),
            })
        };
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let read = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:a/b:pull,push"),
        );
        assert_eq!(parse(hub), read);
        assert_eq!(
            parse("bearer Realm=https://x/t , service=y"),
            bearer("https://x/t", Some("y"), None)
        );
        assert_eq!(parse(r#"Basic realm="https://x/""#), Some(Challenge::Basic));
        assert_eq!(parse("Basic"), Some(Challenge::Basic));
        assert_eq!(parse("Bearer service=y"), None);
        assert_eq!(parse(r#"Bearer realm="unclosed"#), None);
        assert_eq!(parse("Negotiate"), None);
        assert_eq!(parse(""), None);
    }
}
